import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import type { Configuration } from "../../src/config/index.ts";
import { taskCommand } from "../../src/environment/task.ts";
import type { DevenvError } from "../../src/errors.ts";

const withTasks = (tasks: Record<string, string>) => ({ tasks }) as unknown as Configuration;
const file = "/p/devenv.jsonc";

function run(text: string, words: readonly string[]): string {
  const [program = "", ...rest] = taskCommand(withTasks({ test: text }), file, "test", words);
  return spawnSync(program, rest, { encoding: "utf8" }).stdout;
}

test("a task is a line of a shell; further words become its last arguments, whatever is in them", () => {
  expect(run("printf '[%s]' a b; printf ' $0=%s' \"$0\"", [])).toBe("[a][b] $0=test");
  expect(run("printf '[%s]' a", ["b c", "$HOME", "'", "", "*"])).toBe("[a][b c][$HOME]['][][*]");
});

function refusal(tasks: Record<string, string>, task: string): DevenvError {
  try {
    taskCommand(withTasks(tasks), file, task, []);
  } catch (error) {
    return error as DevenvError;
  }
  throw new Error("nothing was refused");
}

test("a task that is not there is an error that names those that are", () => {
  expect(refusal({ test: "x", lint: "y" }, "tets")).toMatchObject({
    code: "DEVENV_NO_TASK",
    message: '/p/devenv.jsonc: there is no task "tets"; did you mean "test"?',
    hint: "There are: test, lint.",
  });
  expect(refusal({}, "test")).toMatchObject({
    message: '/p/devenv.jsonc: there is no task "test"',
    hint: 'None is written under "tasks".',
  });
});

test("what every object has is no task", () => {
  expect(refusal({ test: "x" }, "constructor").code).toBe("DEVENV_NO_TASK");
  expect(refusal({ test: "x" }, "__proto__").code).toBe("DEVENV_NO_TASK");
});

import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

let directory: string;
let link: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "devenv launcher-"));
  for (const name of ["program", "bin"]) mkdirSync(join(directory, name));
  copyFileSync(resolve(import.meta.dirname, "../../dist/devenv"), join(directory, "program/devenv"));
  link = join(directory, "bin/devenv");
  symlinkSync(join(directory, "program/devenv"), link);
});
afterEach(() => rmSync(directory, { recursive: true }));

function launch(words: readonly string[], path: string) {
  const { status, stdout, stderr } = spawnSync(link, words, { env: { PATH: path }, encoding: "utf8" });
  return { status, stdout, stderr };
}

test("runs the program beside it, wherever the link to it is, and becomes it", () => {
  const program =
    "console.log(JSON.stringify([process.argv.slice(2), process.ppid])); process.exitCode = 42;";
  writeFileSync(join(directory, "program/devenv.mjs"), program);
  const words = ["exec", "--", "a b", "", "ü", "*"];
  const { status, stdout, stderr } = launch(words, dirname(process.execPath));
  expect([status, stderr]).toEqual([42, ""]);
  expect(JSON.parse(stdout)).toEqual([words, process.pid]);
});

test("says what is missing: Node", () => {
  writeFileSync(join(directory, "program/devenv.mjs"), "");
  expect(launch([], join(directory, "bin"))).toEqual({
    status: 1,
    stdout: "",
    stderr: 'devenv: Node.js 20 or newer is needed, and no "node" is in PATH. See https://nodejs.org.\n',
  });
});

test("says what is missing: its other half", () => {
  const { status, stderr } = launch([], dirname(process.execPath));
  expect(status).toBe(1);
  expect(stderr).toBe(
    `devenv: ${directory}/program/devenv.mjs: No such file or directory. The installation is damaged; install devenv again.\n`,
  );
});

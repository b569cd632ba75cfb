import type { Readable, Writable } from "node:stream";
import { identityMap, mapOptions } from "./identity.ts";
import { runNative } from "./native.ts";
import { commandWords, planWords, type SandboxCommand, type SandboxPlan } from "./plan.ts";

/** A command that is run once in a sandbox of its own, as root inside unless it says otherwise. */
export interface StepPlan extends SandboxPlan, SandboxCommand {
  /** Called with each piece of what the command prints. */
  readonly onOutput?: (piece: string) => void;
  /** Called once with what is written to the command's standard input; without it there is none. */
  readonly onInput?: (input: Writable) => void;
  /** With the id of this boot behind it, the file that says who its first process is, so that it can be entered. */
  readonly pidFile?: string;
}

export interface StepResult {
  /** Exit code; 128 + n for signal n. */
  readonly code: number;
  /** The end of what it printed on both outputs, at most a million characters. */
  readonly output: string;
}

const outputKept = 1_000_000;

/**
 * Runs a build step. Everything that comes from it ends with it, and with this process.
 *
 * @throws DevenvError when the sandbox cannot be made.
 */
export async function runStep(plan: StepPlan): Promise<StepResult> {
  let output = "";
  const collect = (stream: Readable | null) => {
    stream?.setEncoding("utf8").on("data", (piece: string) => {
      output = (output + piece).slice(-outputKept);
      plan.onOutput?.(piece);
    });
    return new Promise<void>((resolve) => (stream === null ? resolve() : stream.once("close", resolve)));
  };
  let printed: Promise<unknown> = Promise.resolve();
  const words = [
    ...mapOptions(await identityMap()),
    ...planWords(plan),
    ...(plan.pidFile === undefined ? [] : ["--pid-file", plan.pidFile]),
    "--wait",
    ...commandWords(plan),
  ];
  const code = await runNative("run", words, {
    stdin: plan.onInput === undefined ? "ignore" : "pipe",
    stdout: "pipe",
    stderr: "pipe",
    onStart: (child) => {
      printed = Promise.all([collect(child.stdout), collect(child.stderr)]);
      if (child.stdin === null) return;
      // A command that ends without reading says why itself.
      child.stdin.on("error", () => undefined);
      plan.onInput?.(child.stdin);
    },
  });
  await printed;
  return { code, output };
}

import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import type { Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { DevenvError } from "../errors.ts";
import { explainFailure } from "./failure.ts";
import { encodeWords } from "./plan.ts";
import { nativeProgram } from "./program.ts";

/** Where the standard descriptors of the sandbox program lead. */
export interface NativeOptions {
  readonly stdin: "ignore" | "inherit" | "pipe" | number;
  readonly stdout: "ignore" | "inherit" | "pipe" | number;
  readonly stderr: "ignore" | "inherit" | "pipe" | number;
  /** Called once it runs, to read from it and to send it signals. */
  readonly onStart?: (child: ChildProcess) => void;
}

/** The exit code of the sandbox program when the process it was to enter is not the one meant any more. */
export const goneCode = 124;

/**
 * Runs a verb of the sandbox program: the plan on descriptor 3, its own messages on 4, so that they never mix with
 * what a command prints. Resolves to the exit code; 128 + n for signal n.
 *
 * @throws DevenvError when the sandbox itself failed, whatever the command would have given.
 */
export async function runNative(
  verb: "run" | "enter" | "limit" | "network",
  words: readonly string[],
  options: NativeOptions,
): Promise<number> {
  const program = nativeProgram("devenv-sandbox");
  const plan = encodeWords(["--status", "4", ...words]);
  settleOutputs();
  const child = spawn(program, [verb, "--args", "3"], {
    stdio: [options.stdin, options.stdout, options.stderr, "pipe", "pipe"],
    // It needs to find newuidmap; nothing else of ours is any of its business.
    env: { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/usr/bin:/sbin:/bin` },
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.once("error", (cause) => {
      reject(
        new DevenvError("DEVENV_SANDBOX_START", `${program} cannot be started: ${cause.message}`, { cause }),
      );
    });
    child.once("exit", (code, signal) => resolve(code ?? 128 + signalNumber(signal)));
  });
  const input = child.stdio[3] as Writable;
  // A program that ends before it has read its plan says why itself.
  input.on("error", () => undefined);
  input.end(plan);
  const messages = text(child.stdio[4] as NodeJS.ReadableStream);
  options.onStart?.(child);
  const code = await ended;
  const message = (await messages).trim().replace(/^devenv-sandbox: /gm, "");
  if (message !== "" && code !== goneCode) throw await explainFailure(message);
  return code;
}

/**
 * Node makes a pipe non-blocking when it first looks at one of these, for the child as well, whose writes then fail
 * half-way; and it looks at standard error by itself whenever a socket closes. What it did before, spawn() undoes.
 */
function settleOutputs(): void {
  void process.stdout;
  void process.stderr;
}

function signalNumber(signal: NodeJS.Signals | null): number {
  return signal === null ? 0 : (constants.signals[signal] ?? 0);
}

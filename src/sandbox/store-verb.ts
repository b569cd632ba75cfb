import { spawn } from "node:child_process";
import type { Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { DevenvError } from "../errors.ts";
import { identityMap, mapOptions } from "./identity.ts";
import { sandboxProgram } from "./program.ts";

/**
 * Runs a verb of the sandbox program that works on the store as root of the user namespace, and returns what it
 * printed. `output` becomes its descriptor 4.
 */
export async function runStoreVerb(
  verb: "unpack" | "pack" | "remove",
  store: string,
  words: readonly string[],
  output?: number,
): Promise<string> {
  const plan = [...mapOptions(await identityMap()), "--store", store, ...words];
  const child = spawn(sandboxProgram(), [verb, "--args", "3"], {
    stdio: ["ignore", "pipe", "pipe", "pipe", output ?? "ignore"],
  });
  const ended = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(code ?? signal ?? "SIGKILL"));
  });
  const input = child.stdio[3] as Writable;
  // A program that ends before it has read its plan says why itself.
  input.on("error", () => undefined);
  input.end(plan.map((word) => `${word}\0`).join(""));
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error("Assertion failed: no pipes");
  const [result, printed, messages] = await Promise.all([ended, text(stdout), text(stderr)]);
  if (result !== 0) throw failure(verb, result, messages);
  return printed;
}

function failure(verb: string, result: number | NodeJS.Signals, messages: string): DevenvError {
  const message = messages.trim().replace(/^devenv-sandbox: /, "");
  if (message === "")
    return new DevenvError(
      "DEVENV_SANDBOX_FAILED",
      `The sandbox program ended with ${result} while it was to ${verb}.`,
    );
  return new DevenvError(`DEVENV_${verb.toUpperCase()}_FAILED`, message);
}

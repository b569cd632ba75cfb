import { spawn } from "node:child_process";
import type { Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { DevenvError } from "../errors.ts";
import { explainFailure } from "./failure.ts";
import { identityMap, mapOptions } from "./identity.ts";
import { encodeWords } from "./plan.ts";
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
  const program = sandboxProgram();
  const child = spawn(program, [verb, "--args", "3"], {
    stdio: ["ignore", "pipe", "pipe", "pipe", output ?? "ignore"],
    // It needs to find newuidmap; nothing else of ours is any of its business.
    env: { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/usr/bin:/sbin:/bin` },
  });
  const ended = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.once("error", (cause) => {
      reject(
        new DevenvError("DEVENV_SANDBOX_START", `${program} cannot be started: ${cause.message}`, { cause }),
      );
    });
    child.once("close", (code, signal) => resolve(code ?? signal ?? "SIGKILL"));
  });
  const input = child.stdio[3] as Writable;
  // A program that ends before it has read its plan says why itself.
  input.on("error", () => undefined);
  input.end(encodeWords(plan));
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error("Assertion failed: no pipes");
  const [result, printed, messages] = await Promise.all([ended, text(stdout), text(stderr)]);
  if (result !== 0) throw await failure(verb, result, messages);
  return printed;
}

/** What failed is mostly a package or a path, which the message names; else it is the host's set-up. */
async function failure(
  verb: string,
  result: number | NodeJS.Signals,
  messages: string,
): Promise<DevenvError> {
  const message = messages.trim().replace(/^devenv-sandbox: /gm, "");
  if (message === "") {
    const text = `The sandbox program ended with ${result} while it was to ${verb}.`;
    return new DevenvError("DEVENV_SANDBOX_FAILED", text);
  }
  if (/^(a user namespace|uid_map|gid_map|newuidmap|newgidmap|\/proc\/)/.test(message))
    return explainFailure(message);
  return new DevenvError(`DEVENV_${verb.toUpperCase()}_FAILED`, message);
}

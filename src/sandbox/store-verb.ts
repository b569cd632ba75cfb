import { type ChildProcess, spawn } from "node:child_process";
import { Readable, type Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { DevenvError } from "../errors.ts";
import { explainFailure } from "./failure.ts";
import { identityMap, mapOptions } from "./identity.ts";
import { encodeWords } from "./plan.ts";
import { nativeProgram } from "./program.ts";

/** What a verb is given besides its words. */
interface StoreVerbOptions {
  /** Becomes its descriptor 4, or gets what it writes there; a stream is not ended, for what came may yet be wrong. */
  readonly output?: number | Writable;
  /** What it reads on its standard input. */
  readonly input?: Readable;
  /** Ends it. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs a verb of the sandbox program that works on the store as root of the user namespace, and returns what it
 * printed.
 *
 * @throws what ended `input` early, before anything that the program has to say about it.
 */
export async function runStoreVerb(
  verb: "unpack" | "unpack-layer" | "graft" | "pack" | "remove" | "list" | "settle" | "digest" | "measure",
  store: string,
  words: readonly string[],
  options: StoreVerbOptions = {},
): Promise<string> {
  const { input, output, signal } = options;
  // What it fails with before the program has started is looked at then.
  input?.on("error", () => undefined);
  try {
    const plan = encodeWords([...mapOptions(await identityMap()), "--store", store, ...words]);
    signal?.throwIfAborted();
    const descriptor = typeof output === "object" ? "pipe" : output;
    const { child, ended } = start(verb, plan, input !== undefined, descriptor);
    const { stdin, stdout, stderr } = child;
    if (stdout === null || stderr === null) throw new Error("Assertion failed: no pipes");
    const kill = () => child.kill("SIGKILL");
    signal?.addEventListener("abort", kill, { once: true });
    void ended.catch(() => undefined).then(() => signal?.removeEventListener("abort", kill));
    const fed = stdin === null || input === undefined ? undefined : feed(input, stdin, child);
    const drained = typeof output === "object" ? drain(child, output) : undefined;
    const results = await Promise.all([ended, text(stdout), text(stderr), fed, drained]);
    const [result, printed, messages, lost, unwanted] = results;
    signal?.throwIfAborted();
    if (lost !== undefined) throw lost.cause;
    if (unwanted !== undefined) throw unwanted.cause;
    if (result !== 0) throw await failure(verb, result, messages);
    return printed;
  } finally {
    input?.destroy();
  }
}

function start(
  verb: string,
  plan: string,
  hasInput: boolean,
  output: number | "pipe" | undefined,
): { child: ChildProcess; ended: Promise<number | NodeJS.Signals> } {
  const program = nativeProgram("devenv-layers");
  const child = spawn(program, [verb, "--args", "3"], {
    stdio: [hasInput ? "pipe" : "ignore", "pipe", "pipe", "pipe", output ?? "ignore"],
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
  const words = child.stdio[3] as Writable;
  // A program that ends before it has read its plan says why itself.
  words.on("error", () => undefined);
  words.end(plan);
  return { child, ended };
}

/**
 * Gives the program its input, no faster than it takes it. Resolves to what the input failed with, if it did; a
 * program that ends before it has read everything says why itself.
 */
async function feed(
  input: Readable,
  stdin: Writable,
  child: ChildProcess,
): Promise<{ cause: unknown } | undefined> {
  let lost = input.errored === null ? undefined : { cause: input.errored };
  input.on("error", (cause) => {
    if (!stdin.destroyed) lost = { cause };
  });
  // Told when the pipeline is over already, it would be nobody's.
  stdin.on("error", () => undefined);
  child.once("exit", () => stdin.destroy());
  await pipeline(input, stdin).catch(() => undefined);
  // To the program the end of its input is the end of the archive.
  if (lost !== undefined) child.kill("SIGKILL");
  return lost;
}

/** Gives on what the program writes, no faster than it is taken; resolves to why nobody takes it any more. */
async function drain(child: ChildProcess, output: Writable): Promise<{ cause: unknown } | undefined> {
  const written = child.stdio[4];
  if (!(written instanceof Readable)) throw new Error("Assertion failed: no pipe");
  try {
    await pipeline(written, output, { end: false });
    return undefined;
  } catch (cause) {
    child.kill("SIGKILL");
    return { cause };
  }
}

/** What failed is mostly a package or a path, which the message names; else it is the host's set-up. */
async function failure(
  verb: string,
  result: number | NodeJS.Signals,
  messages: string,
): Promise<DevenvError> {
  const message = messages.trim().replace(/^devenv-layers: /gm, "");
  if (message === "") {
    const text = `The sandbox program ended with ${result} while it was to ${verb}.`;
    return new DevenvError("DEVENV_SANDBOX_FAILED", text);
  }
  if (/^(a user namespace|uid_map|gid_map|newuidmap|newgidmap|setgroups|setres[ug]id|\/proc\/)/.test(message))
    return explainFailure(message);
  if (/^the compressed archive /.test(message)) return new DevenvError("DEVENV_LAYER_TRANSFER", message);
  return new DevenvError(`DEVENV_${verb.toUpperCase().replace("-", "_")}_FAILED`, message);
}

import { spawn } from "node:child_process";
import { isObject, parseJSON } from "../json.ts";
import type { Environment } from "../settings.ts";
import { registryError } from "./errors.ts";
import { quoteForeign } from "./redact.ts";

export interface HelperQuestion {
  /** `docker-credential-…` */
  readonly program: string;
  /** The registry, as Docker's configuration names it. */
  readonly server: string;
  /** The file that names the program, for messages. */
  readonly file: string;
  readonly environment: Environment;
}

export interface HelperAnswer {
  readonly username: string;
  readonly secret: string;
}

/** Milliseconds; a person may have to unlock a keyring. */
const longestRun = 120_000;

/** Bytes. */
const longestOutput = 256 * 1024;

/**
 * Asks a credential helper (docker-credential-helpers, "Development"): the verb `get`, the server on standard input,
 * JSON on standard output. Undefined when it knows none.
 *
 * @throws DevenvError `DEVENV_REGISTRY_CREDENTIALS` when the program is not there, fails, or answers something else.
 */
export async function askHelper(question: HelperQuestion): Promise<HelperAnswer | undefined> {
  const { program, file } = question;
  const failure = (reason: string, cause?: unknown) =>
    registryError("DEVENV_REGISTRY_CREDENTIALS", `${file}: ${program} ${reason}`, {
      hint: `Mend ${program}, or remove it from the file.`,
      ...(cause === undefined ? {} : { cause }),
    });
  const { code, output, complaint } = await runHelper(question).catch((cause: unknown) => {
    throw failure(isObject(cause) && cause["code"] === "ENOENT" ? "is not on PATH" : "cannot be run", cause);
  });
  if (code === null) throw failure("was stopped: it took too long or said too much");
  if (code !== 0) {
    if (/credentials not found/i.test(output + complaint)) return undefined;
    throw failure(`failed: ${quoteForeign(complaint.trim() || output.trim() || `exit code ${code}`)}`);
  }
  const answer = parseJSON(output);
  const username = isObject(answer) ? answer["Username"] : undefined;
  const secret = isObject(answer) ? answer["Secret"] : undefined;
  if (typeof username !== "string" || typeof secret !== "string") {
    throw failure("answered something else than a user name and a secret");
  }
  return username === "" && secret === "" ? undefined : { username, secret };
}

interface HelperRun {
  readonly code: number | null;
  readonly output: string;
  readonly complaint: string;
}

function runHelper({ program, server, environment }: HelperQuestion): Promise<HelperRun> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, ["get"], { env: { ...environment }, timeout: longestRun });
    const texts = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8").on("data", (part: string) => {
        texts[name] += part;
        if (texts[name].length > longestOutput) child.kill("SIGKILL");
      });
    }
    // What a helper that was killed has started may hold on to its outputs.
    child.on("exit", (_, signal) => {
      if (signal === null) return;
      child.stdout.destroy();
      child.stderr.destroy();
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output: texts.stdout, complaint: texts.stderr }));
    // A helper that fails at once reads nothing; its exit code tells more.
    child.stdin.on("error", () => {});
    child.stdin.end(server);
  });
}

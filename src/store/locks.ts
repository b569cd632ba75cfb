import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { DevenvError } from "../errors.ts";

/**
 * Runs `work` while no other process holds the lock of this name in the store; waits for as long as another does.
 * `name` is a plain file name. Node has no flock(2), so a small child holds the lock: it ends, and the kernel releases
 * the lock, whatever way this process ends.
 *
 * @throws DevenvError `DEVENV_STORE` when flock(1) cannot be run.
 */
export async function withStoreLock<T>(
  store: { readonly root: string },
  name: string,
  work: () => Promise<T>,
): Promise<T> {
  if (!/^\w[\w.-]*$/.test(name)) throw new Error(`Assertion failed: ${name} is no name of a lock`);
  const release = await takeLock(join(store.root, "locks", name));
  try {
    return await work();
  } finally {
    await release();
  }
}

async function takeLock(file: string): Promise<() => Promise<void>> {
  // Detached: Ctrl-C in the terminal must not take the lock away from work that is still being wound up.
  const child = spawn("flock", ["-x", file, "sh", "-c", "echo; exec cat"], {
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
  });
  const ended = once(child, "close");
  ended.catch(() => {});
  await lockTaken(child, file);
  return async () => {
    child.stdin.end();
    await ended;
  };
}

function lockTaken(child: ChildProcess, file: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let complaint = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      complaint += text;
    });
    child.stdin?.on("error", () => {});
    child.stdout?.once("data", () => resolve());
    child.once("error", (cause) => {
      reject(
        new DevenvError("DEVENV_STORE", "flock(1) cannot be run", {
          hint: "It is part of util-linux; install that package.",
          cause,
        }),
      );
    });
    child.once("close", (code) => {
      reject(
        new DevenvError(
          "DEVENV_STORE",
          `${file}: cannot be locked: ${complaint.trim() || `exit code ${code}`}`,
        ),
      );
    });
  });
}

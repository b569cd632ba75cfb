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

/**
 * Removes lock files that nobody holds; those that somebody does stay.
 *
 * @throws DevenvError `DEVENV_STORE` when flock(1) cannot be run.
 */
export async function removeLocks(store: { readonly root: string }, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  // Whoever waits for one finds that it is not there any more, and makes another.
  const script = 'for file; do flock -xn "$file" rm -f "$file"; done; echo';
  const files = names.map((name) => join(store.root, "locks", name));
  const child = start(script, files);
  const ended = once(child, "close");
  ended.catch(() => {});
  await answered(child, files[0] ?? "");
  child.stdin?.end();
  await ended;
}

/** The file may have been removed between opening and locking: a lock that others cannot find is none. */
const hold = `exec 9>>"$1" || exit 1
flock -x 9 || exit
if [ "$1" -ef /proc/self/fd/9 ]; then echo held; else echo lost; fi
exec cat`;

async function takeLock(file: string): Promise<() => Promise<void>> {
  for (;;) {
    const child = start(hold, [file]);
    const ended = once(child, "close");
    ended.catch(() => {});
    const answer = await answered(child, file);
    const release = async (): Promise<void> => {
      child.stdin?.end();
      await ended;
    };
    if (answer.startsWith("held")) return release;
    await release();
  }
}

function start(script: string, words: readonly string[]): ChildProcess {
  // Detached: Ctrl-C in the terminal must not take the lock away from work that is still being wound up.
  return spawn("sh", ["-c", script, "sh", ...words], { stdio: ["pipe", "pipe", "pipe"], detached: true });
}

function answered(child: ChildProcess, file: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let complaint = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      complaint += text;
    });
    child.stdin?.on("error", () => {});
    child.stdout?.setEncoding("utf8").once("data", resolve);
    child.once("error", (cause) => reject(cannotRun(cause)));
    child.once("close", (code) => {
      if (code === 127) reject(cannotRun(new Error(complaint.trim())));
      const reason = complaint.trim() || `exit code ${code}`;
      reject(new DevenvError("DEVENV_STORE", `${file}: cannot be locked: ${reason}`));
    });
  });
}

function cannotRun(cause: Error): DevenvError {
  return new DevenvError("DEVENV_STORE", "flock(1) cannot be run", {
    hint: "It is part of util-linux; install that package.",
    cause,
  });
}

import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { removePaths } from "../../src/sandbox/index.ts";

/** Kills the environments whose stores are below a directory, for tests that failed before they could stop them. */
export function stopAll(directory: string): void {
  for (const file of pidFiles(directory)) {
    const [pid, startTime] = readFileSync(file, "utf8").trim().split(" ");
    if (startTimeOf(Number(pid)) === startTime) process.kill(Number(pid), "SIGKILL");
  }
}

/** Removes a directory with stores in it: root may do so itself, anybody else asks the sandbox for what is mapped. */
export async function removeDirectory(directory: string): Promise<void> {
  if (process.getuid?.() !== 0)
    for (const store of storesBelow(directory)) await removePaths(store, readdirSync(store));
  await promisify(execFile)("rm", ["-rf", directory]);
}

/** The shared store of each user, and those of single tests. */
function storesBelow(directory: string): string[] {
  const below = (place: string): string[] => readdirSync(place).map((name) => join(place, name));
  const users = below(directory).filter((path) => /\/\d+$/.test(path));
  return [...users, ...users.flatMap(below)]
    .map((path) => join(path, "data/devenv"))
    .filter((store) => existsSync(store));
}

function pidFiles(directory: string): string[] {
  return storesBelow(directory)
    .map((store) => join(store, "environments"))
    .filter((place) => existsSync(place))
    .flatMap((place) => readdirSync(place).map((id) => join(place, id)))
    .flatMap((place) => readdirSync(place).map((name) => join(place, name)))
    .filter((file) => /\/init-[0-9a-f-]+$/.test(file));
}

/** The start time, in ticks since boot, of a process that lives. */
export function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

import { randomBytes } from "node:crypto";
import { readdir, readFile, readlink } from "node:fs/promises";
import { basename, join } from "node:path";

/** What a temporary name says: who wrote it, and what it is. */
interface Temporary {
  readonly boot: string;
  readonly namespace: string;
  readonly pid: string;
  readonly start: string;
  readonly label: string;
}

const pattern =
  /^(?<boot>[0-9a-f]{8})\.(?<namespace>\d+)\.(?<pid>\d+)\.(?<start>\d+)\.(?<label>[\w-]+)\.[0-9a-f]{12}$/;

/** Of a system without /proc. */
const unknownBoot = "00000000";

let own: Promise<string> | undefined;

/** A name that nobody else has, with the mark of this process in it. */
export async function temporaryName(label: string): Promise<string> {
  own ??= ownMark();
  return `${await own}.${label}.${randomBytes(6).toString("hex")}`;
}

/** Something temporary in the store whose writer is gone. */
export interface Leftover {
  readonly path: string;
  readonly label: string;
}

/**
 * What killed processes left in `tmp/` and `layers/`. A writer counts as alive when that cannot be told: it is in
 * another pid namespace of this boot, or the system has no /proc.
 */
export async function findLeftovers(store: { readonly root: string }): Promise<Leftover[]> {
  const [boot, namespace] = await Promise.all([bootID(), pidNamespace()]);
  if (boot === unknownBoot) return [];
  const leftovers: Leftover[] = [];
  for (const path of await pathsIn(store.root)) {
    const temporary = pattern.exec(basename(path))?.groups as Temporary | undefined;
    if (temporary === undefined) continue;
    if (temporary.boot === boot) {
      if (temporary.namespace !== namespace) continue;
      if ((await startTime(temporary.pid)) === temporary.start) continue;
    }
    leftovers.push({ path, label: temporary.label });
  }
  return leftovers;
}

async function pathsIn(root: string): Promise<string[]> {
  const directories = ["tmp", "layers"].map((name) => join(root, name));
  const names = await Promise.all(directories.map((directory) => readdir(directory)));
  return directories.flatMap((directory, index) => (names[index] ?? []).map((name) => join(directory, name)));
}

async function ownMark(): Promise<string> {
  const pid = String(process.pid);
  const [boot, namespace, start] = await Promise.all([bootID(), pidNamespace(), startTime(pid)]);
  return [boot, namespace, pid, start ?? "0"].join(".");
}

/**
 * A pid comes round again after a while; together with its start time, in ticks since boot, it is one process.
 * Undefined when there is no such process, or only its exit code is left, which nobody may come to fetch for long.
 */
async function startTime(pid: string): Promise<string | undefined> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, "utf8");
    // proc_pid_stat(5): fields 3 and 22, counted from behind the command, which may hold blanks and parentheses itself.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

async function bootID(): Promise<string> {
  try {
    return (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).slice(0, 8);
  } catch {
    return unknownBoot;
  }
}

async function pidNamespace(): Promise<string> {
  try {
    return /\d+/.exec(await readlink("/proc/self/ns/pid"))?.[0] ?? "0";
  } catch {
    return "0";
  }
}

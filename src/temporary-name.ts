import { randomBytes } from "node:crypto";
import { readFile, readlink } from "node:fs/promises";

/** What a temporary name says: who wrote it, and what it is. */
interface TemporaryName {
  readonly boot: string;
  readonly namespace: string;
  readonly pid: string;
  readonly start: string;
  readonly label: string;
}

const pattern =
  /^\.?(?<boot>[0-9a-f]{8})\.(?<namespace>\d+)\.(?<pid>\d+)\.(?<start>\d+)\.(?<label>[\w-]+)\.[0-9a-f]{12}$/;

/** Of a system without /proc. */
const unknownBoot = "00000000";

let own: Promise<string> | undefined;

/**
 * A name that nobody else has, with the mark of this process in it, so that what a killed process left behind is known
 * as that. `label` is for people: letters, digits, `-`, `_`.
 */
export async function temporaryName(label: string): Promise<string> {
  own ??= ownMark();
  return `${await own}.${label}.${randomBytes(6).toString("hex")}`;
}

/** Whether whoever gave a name lives; `unknown` in another pid namespace of this boot, or without /proc. */
export type WriterState = "alive" | "gone" | "unknown";

/** What a name says that {@link temporaryName} gave, hidden or not; undefined for any other. */
export async function readTemporaryName(
  name: string,
): Promise<{ readonly label: string; readonly writer: WriterState } | undefined> {
  const temporary = pattern.exec(name)?.groups as TemporaryName | undefined;
  return temporary && { label: temporary.label, writer: await writerState(temporary) };
}

async function writerState({ boot, namespace, pid, start }: TemporaryName): Promise<WriterState> {
  const [ownBoot, ownNamespace] = await Promise.all([bootID(), pidNamespace()]);
  if (ownBoot === unknownBoot) return "unknown";
  if (boot !== ownBoot) return "gone";
  if (namespace !== ownNamespace) return "unknown";
  return (await startTime(pid)) === start ? "alive" : "gone";
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

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** What an environment uses, and what its limits kept it from; what is not counted is absent. */
export interface Usage {
  /** Bytes of memory and of swap at this moment. */
  readonly memory?: number;
  readonly swap?: number;
  /** Bytes of memory without the kernel's copies of files, which it gives up when memory is short. */
  readonly held?: number;
  /** Processes and threads at this moment. */
  readonly pids?: number;
  /** Bytes since the start, of all disks. */
  readonly io?: { readonly read: number; readonly written: number };
  /** Processes that were killed because memory was at its limit. */
  readonly killed?: number;
  /** New processes that were refused because there were as many as the limit allows. */
  readonly refused?: number;
  /** Seconds for which processes had to wait because of the limit of processors. */
  readonly throttled?: number;
}

/** Reads what the control groups of an environment count, on either version of them. */
export async function readUsage(groups: readonly string[]): Promise<Usage> {
  const text = async (name: string): Promise<string | undefined> => {
    for (const group of groups) {
      const found = await readFile(join(group, name), "utf8").catch(() => undefined);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const value = async (name: string): Promise<number | undefined> => wholeNumber(await text(name));
  const count = async (name: string, key: string): Promise<number | undefined> =>
    wholeNumber(new RegExp(`^${key} ([0-9]+)$`, "m").exec((await text(name)) ?? "")?.[1]);
  const throttled = await count("cpu.stat", "throttled_usec");
  const throttledInV1 = await count("cpu.stat", "throttled_time");
  const memory = (await value("memory.current")) ?? (await value("memory.usage_in_bytes"));
  const both = await value("memory.memsw.usage_in_bytes");
  const [active = 0, inactive = 0] = [
    await count("memory.stat", "active_file"),
    await count("memory.stat", "inactive_file"),
  ];
  return present({
    memory,
    swap: (await value("memory.swap.current")) ?? swapOf(memory, both),
    held: memory === undefined ? undefined : Math.max(0, memory - active - inactive),
    pids: await value("pids.current"),
    io: transferred(await text("io.stat")),
    killed: (await count("memory.events", "oom_kill")) ?? (await count("memory.oom_control", "oom_kill")),
    refused: await refusals(groups),
    throttled: throttled !== undefined ? throttled / 1e6 : throttledInV1 && throttledInV1 / 1e9,
  });
}

/** Before Linux 6.11 the group counts that a process was to be made in, which may be one below that of the limit. */
async function refusals(groups: readonly string[]): Promise<number | undefined> {
  const counts = await Promise.all(
    groups.map(async (group) => {
      const entries = await readdir(group, { withFileTypes: true }).catch(() => []);
      const below = entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(group, name));
      const texts = [group, ...below].map((path) =>
        readFile(join(path, "pids.events"), "utf8").catch(() => ""),
      );
      return (await Promise.all(texts)).map((text) => wholeNumber(/^max ([0-9]+)$/m.exec(text)?.[1]));
    }),
  );
  const known = counts.flat().filter((number) => number !== undefined);
  return known.length === 0 ? undefined : known.reduce((sum, number) => sum + number, 0);
}

/** cgroup v1 counts memory alone, and memory and swap; the two are not read at the same moment. */
function swapOf(memory: number | undefined, both: number | undefined): number | undefined {
  return memory === undefined || both === undefined ? undefined : Math.max(0, both - memory);
}

/** Lines "MAJOR:MINOR rbytes=1 wbytes=2 …" (cgroup-v2.rst, "IO Interface Files"). */
function transferred(stat: string | undefined): Usage["io"] {
  if (stat === undefined) return undefined;
  const sum = (key: string): number =>
    [...stat.matchAll(new RegExp(`\\b${key}=([0-9]+)`, "g"))].reduce((all, [, n]) => all + Number(n), 0);
  return { read: sum("rbytes"), written: sum("wbytes") };
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^[0-9]+\n?$/.test(text) ? Number(text) : undefined;
}

function present(usage: { [Key in keyof Usage]-?: Usage[Key] | undefined }): Usage {
  return Object.fromEntries(Object.entries(usage).filter(([, value]) => value !== undefined));
}

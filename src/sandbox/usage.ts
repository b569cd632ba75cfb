import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** Where each version of control groups says what is used of a limit. */
const files = {
  memory: ["memory.current", "memory.usage_in_bytes"],
  pids: ["pids.current"],
} as const;

/** What the control groups of an environment use at this moment: bytes, or processes and threads. */
export async function readUsage(
  limit: keyof typeof files,
  groups: readonly string[],
): Promise<number | undefined> {
  for (const path of groups.flatMap((group) => files[limit].map((file) => join(group, file)))) {
    const text = await readFile(path, "utf8").catch(() => "");
    if (/^[0-9]+\n$/.test(text)) return Number(text);
  }
  return undefined;
}

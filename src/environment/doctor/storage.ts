import { readFile, realpath, statfs } from "node:fs/promises";
import { DevenvError } from "../../errors.ts";
import { type Finding, requirement } from "./finding.ts";

/** An image of a distribution with a toolchain or two, as archives, unpacked and packed. */
const enough = 4 * 1024 ** 3;

const store = requirement("store", "every image and environment");

/** Where the store is, on what, and how much still goes into it. */
export async function examineStore(root: string): Promise<Finding> {
  const [{ bavail, bsize }, mounts, path] = await Promise.all([
    statfs(root),
    readFile("/proc/self/mountinfo", "utf8"),
    realpath(root),
  ]);
  return judgeStore(root, fileSystemAt(mounts, path), bavail * bsize);
}

/** A store that cannot be opened. */
export function storeFailure(error: unknown): Finding {
  if (!(error instanceof DevenvError)) throw error;
  return store.missing(error.message, error.hint === undefined ? [] : [`# ${error.hint}`]);
}

/** `free` in bytes. */
export function judgeStore(root: string, fileSystem: string, free: number): Finding {
  const detail = `${root}: ${fileSystem}, ${(free / 1024 ** 3).toFixed(1)} GiB free`;
  if (free >= enough) return store.ok(detail);
  return store.limited(`${detail}; images may need more`, [
    "# make room there, or set DEVENV_STORE to a directory that has some",
  ]);
}

/** The type of the file system that an absolute path is on, from /proc/self/mountinfo, proc_pid_mountinfo(5). */
export function fileSystemAt(mountinfo: string, path: string): string {
  let found = { point: "", type: "unknown file system" };
  for (const line of mountinfo.split("\n")) {
    const [place = "", source = ""] = line.split(" - ");
    const point = (place.split(" ")[4] ?? "").replace(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    const isAbove = point === "/" || path === point || path.startsWith(`${point}/`);
    // A later mount on the same place hides an earlier one.
    if (point !== "" && isAbove && point.length >= found.point.length)
      found = { point, type: source.split(" ")[0] ?? "" };
  }
  return found.type;
}

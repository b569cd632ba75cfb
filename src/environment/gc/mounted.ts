import { readdir, readFile, realpath } from "node:fs/promises";
import { join } from "node:path";
import type { Digest } from "../../lock/index.ts";
import type { Store } from "../../store/index.ts";
import { layersIn } from "./layers-in.ts";

/** What a store is known by in the mounts of others. */
export interface StoreMarks {
  /** Real path. */
  readonly root: string;
  /** Whether a file system begins there: only then it is the top of one. */
  readonly isMountPoint: boolean;
  /** Names in `environments/`, `layers/` and `tmp/`. */
  readonly names: ReadonlySet<string>;
}

/**
 * The layers of the store that overlays of any process stand on: environments, steps that are being built, whatever is
 * written down of them. Processes of other users cannot be looked at, and have another store.
 */
export async function findMounted(store: Store): Promise<Set<Digest>> {
  const [root, environments, places, temporary, processes] = await Promise.all([
    realpath(store.root),
    readdir(join(store.root, "environments")),
    readdir(join(store.root, "layers")),
    readdir(join(store.root, "tmp")),
    readdir("/proc").catch((): string[] => []),
  ]);
  const own = await readFile("/proc/self/mountinfo", "latin1").catch(() => "");
  const isMountPoint = own.split("\n").some((line) => unescaped(line.split(" ")[4] ?? "") === root);
  const marks = { root, isMountPoint, names: new Set([...environments, ...places, ...temporary]) };
  const layers = new Set<Digest>();
  for (const pid of processes.filter((name) => /^\d+$/.test(name))) {
    // One that ended meanwhile has no mounts, which is an error of its own kind.
    const text = await readFile(`/proc/${pid}/mountinfo`, "latin1").catch(() => "");
    for (const diffID of mountedLayers(text, marks)) layers.add(diffID);
  }
  return layers;
}

/**
 * The layers in the list of mounts of a process (proc_pid_mountinfo(5)). Overlays name them relative to their store.
 * Which one that is is seen by the name of the upper directory, and by what else of the store is mounted beside: a home,
 * or the packages of a step. Where neither is there, it may be this one.
 */
export function mountedLayers(mountinfo: string, { isMountPoint, names, root }: StoreMarks): Digest[] {
  const lines = mountinfo.split("\n");
  const overlays = lines.filter((line) => line.includes(" - overlay "));
  const layers = overlays.flatMap(layersIn);
  if (layers.length === 0) return [];
  const uppers = overlays.flatMap(
    (line) => /,upperdir=(?:environments|layers|tmp)\/([^/,]+)/.exec(line)?.[1] ?? [],
  );
  const places = lines.flatMap((line) => {
    // Within its file system: of a path on a disk that is mounted somewhere the end.
    const source = unescaped(line.split(" ")[3] ?? "");
    const [, above, name] =
      /^(.*)\/(?:environments|tmp)\/([^/]+)\/(?:home|packages|volumes)\b/.exec(source) ?? [];
    return above === undefined || name === undefined ? [] : [{ above, name }];
  });
  const isRoot = (above: string) => (above === "" ? isMountPoint : root.endsWith(above));
  const isHere =
    places.some(({ above, name }) => isRoot(above) || names.has(name)) ||
    uppers.some((name) => names.has(name));
  return isHere || (places.length === 0 && uppers.length === 0) ? layers : [];
}

/** Blanks and backslashes are written as three octal digits. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

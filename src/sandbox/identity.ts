import { readFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { DevenvError } from "../errors.ts";

/** A run of ids that mean the same user, or group, inside and outside. */
export interface IdRange {
  readonly inside: number;
  readonly outside: number;
  readonly count: number;
}

/** Who is who inside, the same for the store and all environments of one host user. */
export interface IdentityMap {
  readonly uidMap: readonly IdRange[];
  readonly gidMap: readonly IdRange[];
  /** The developer, inside. */
  readonly user: { readonly uid: number; readonly gid: number };
}

/** Who calls, and which subordinate ids the host gave out. */
export interface HostIdentity {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** Texts of /etc/subuid and /etc/subgid, subuid(5). */
  readonly subuid: string;
  readonly subgid: string;
}

interface Range {
  readonly start: number;
  readonly count: number;
}

/** Every id that Debian gives out by itself is below this one. */
const idCount = 65_536;
/** The developer inside when they are root outside. */
const plainId = 1000;
/** Root needs no entry in /etc/subuid; this range is beyond those that useradd, systemd and LDAP give out. */
const rootRange: Range = { start: 0x70000000, count: idCount };

/**
 * The identity map of the user who runs this program.
 *
 * @throws DevenvError `DEVENV_NO_SUBUIDS` when the host gave the user too few ids.
 */
export async function identityMap(): Promise<IdentityMap> {
  return mapIdentity(await readHostIdentity());
}

/** Who runs this program. */
export async function readHostIdentity(): Promise<HostIdentity> {
  const uid = process.getuid?.() ?? -1;
  const gid = process.getgid?.() ?? -1;
  const [subuid, subgid] = await Promise.all([readTable("/etc/subuid"), readTable("/etc/subgid")]);
  return { name: userName() ?? String(uid), uid, gid, subuid, subgid };
}

/**
 * The developer's id is itself inside, or 1000 when they are root outside; everything else comes from the
 * subordinate range.
 *
 * @throws DevenvError `DEVENV_NO_SUBUIDS` when the host gave the user too few.
 */
export function mapIdentity(host: HostIdentity): IdentityMap {
  const isRoot = host.uid === 0;
  const uid = isRoot ? plainId : host.uid;
  const gid = isRoot ? plainId : host.gid;
  return {
    uidMap: spread({ inside: uid, outside: host.uid }, usedRanges(host, "subuid")),
    gidMap: spread({ inside: gid, outside: host.gid }, usedRanges(host, "subgid")),
    user: { uid, gid },
  };
}

/** The map as options of the sandbox program. */
export function mapOptions(map: IdentityMap): string[] {
  const option = (name: string) => (range: IdRange) => [
    name,
    `${range.inside}:${range.outside}:${range.count}`,
  ];
  return [...map.uidMap.flatMap(option("--uid-map")), ...map.gidMap.flatMap(option("--gid-map"))];
}

/** How many subordinate ids the host gave the user. */
export function subordinateIds(host: HostIdentity): Record<"subuid" | "subgid", number> {
  return { subuid: countOf(rangesOf(host, "subuid")), subgid: countOf(rangesOf(host, "subgid")) };
}

function usedRanges(host: HostIdentity, kind: "subuid" | "subgid"): Range[] {
  const ranges = rangesOf(host, kind);
  const count = countOf(ranges);
  if (count >= idCount) return ranges;
  if (host.uid === 0) return [rootRange];
  throw new DevenvError(
    "DEVENV_NO_SUBUIDS",
    `/etc/${kind}: ${host.name} has ${count} subordinate ids, ${idCount} are needed`,
    { hint: `Once, as root: ${giveIds(host)}` },
  );
}

/** The command that gives the user what is missing, of ids that nobody was given before. */
function giveIds(host: HostIdentity): string {
  // newuidmap(1) serves nobody without a name; useradd(8) gives a new user ids by itself.
  if (host.name === String(host.uid)) return `useradd --uid ${host.uid} developer`;
  const found = subordinateIds(host);
  const options = (["subuid", "subgid"] as const)
    .filter((kind) => found[kind] < idCount)
    .map((kind) => {
      const start = firstFree(host[kind]);
      return `--add-${kind}s ${start}-${start + idCount - 1}`;
    });
  return `usermod ${options.join(" ")} ${host.name}`;
}

/** Behind all ranges that useradd(8) gave out, and behind what it gives to the first users of a host. */
function firstFree(text: string): number {
  const ends = parseTable(text).map(({ start, count }) => Math.ceil((start + count) / idCount) * idCount);
  return Math.max(8 * idCount, ...ends);
}

function countOf(ranges: readonly Range[]): number {
  return ranges.reduce((sum, range) => sum + range.count, 0);
}

function rangesOf(host: HostIdentity, kind: "subuid" | "subgid"): Range[] {
  return parseTable(host[kind]).filter(({ owner }) => owner === host.name || owner === String(host.uid));
}

function parseTable(text: string): (Range & { readonly owner: string })[] {
  return text.split("\n").flatMap((line) => {
    const [owner = "", start, count] = line.split(":");
    if (!/^[0-9]+$/.test(start ?? "") || !/^[0-9]+$/.test(count ?? "")) return [];
    return [{ owner, start: Number(start), count: Number(count) }];
  });
}

/** Fills the ids inside in ascending order from the ranges, and leaves the developer's own to the developer. */
function spread(own: { inside: number; outside: number }, ranges: readonly Range[]): IdRange[] {
  const map: IdRange[] = [];
  let inside = 0;
  for (const range of ranges) {
    let { start, count } = range;
    while (count > 0 && inside < idCount) {
      if (inside === own.inside) {
        map.push({ ...own, count: 1 });
        inside += 1;
        continue;
      }
      const end = inside < own.inside ? Math.min(own.inside, idCount) : idCount;
      const taken = Math.min(count, end - inside);
      map.push({ inside, outside: start, count: taken });
      inside += taken;
      start += taken;
      count -= taken;
    }
  }
  return own.inside < inside ? map : [...map, { ...own, count: 1 }];
}

/** A container may run as an id that its /etc/passwd does not have. */
function userName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}

async function readTable(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}

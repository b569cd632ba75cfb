import { baseTitle } from "./base-title.ts";
import { canonicalJson } from "./canonical.ts";
import { basePackages } from "./locked-packages.ts";
import type {
  Lock,
  LockedPackage,
  LockedPlatform,
  LockedRelease,
  LockedToolchain,
  Platform,
} from "./types.ts";

/**
 * What changed between two locks, one line a change, in the order day, base, toolchains, packages, indexes, images. A
 * change that is the same on every platform is told once; else the platforms it concerns stand behind it.
 */
export function diffLocks(before: Lock | undefined, after: Lock): string[] {
  const old = before?.platforms ?? {};
  const added = platformsOf(after).filter((platform) => !Object.hasOwn(old, platform));
  const common = platformsOf(after).filter((platform) => Object.hasOwn(old, platform));
  const gone = Object.keys(old).filter((platform) => !Object.hasOwn(after.platforms, platform));
  const changes = new Map<string, Platform[]>();
  for (const platform of common) {
    for (const change of platformChanges(old[platform], after.platforms[platform])) {
      changes.set(change, [...(changes.get(change) ?? []), platform]);
    }
  }
  const [from = "today", to = "today"] = [before?.request.asOf, after.request.asOf];
  return [
    ...(before === undefined || from === to ? [] : [`as of ${from} → ${to}`]),
    ...gone.map((platform) => `platform ${platform} removed`),
    ...added.map((platform) => `platform ${platform} added: ${summary(after.platforms[platform])}`),
    ...[...changes].map(([change, platforms]) =>
      platforms.length === common.length ? change : `${change} (${platforms.join(", ")})`,
    ),
  ];
}

function platformChanges(before: LockedPlatform | undefined, after: LockedPlatform | undefined): string[] {
  if (before === undefined || after === undefined) return [];
  return [
    ...baseChange(before, after),
    ...toolchainChanges(before, after),
    ...packageChanges(allPackages(before), allPackages(after)),
    ...releaseChanges(before, after),
    ...imageChange(before, after),
  ];
}

function baseChange(before: LockedPlatform, after: LockedPlatform): string[] {
  const [from, to] = [before, after].map(({ base }) => baseTitle(base));
  if (from !== to) return [`base ${from} → ${to}`];
  const [old, now] = [before, after].map(({ base }) => (base.kind === "image" ? base.digest : ""));
  return old === now ? [] : [`base ${from}: ${old} → ${now}`];
}

function toolchainChanges(before: LockedPlatform, after: LockedPlatform): string[] {
  const [old, now] = [before, after].map(
    ({ toolchains = [] }) => new Map(toolchains.map((toolchain) => [toolchain.language, toolchain])),
  );
  const names = [...new Set([...(old?.keys() ?? []), ...(now?.keys() ?? [])])].sort();
  return names.flatMap((name) => toolchainChange(name, old?.get(name), now?.get(name)));
}

function toolchainChange(name: string, from?: LockedToolchain, to?: LockedToolchain): string[] {
  if (from === undefined) return to === undefined ? [] : [`added ${name} ${describe(to)}`];
  if (to === undefined) return [`removed ${name} ${describe(from)}`];
  if (describe(from) !== describe(to)) return [`changed ${name} ${describe(from)} → ${describe(to)}`];
  const [{ libraries: old, ...fromRest }, { libraries: now, ...toRest }] = [from, to];
  if (canonicalJson(fromRest) !== canonicalJson(toRest))
    return [`changed ${name} ${describe(to)}: another content with the same version`];
  if (now === undefined || canonicalJson(old ?? []) === canonicalJson(now)) return [];
  return [`${name} ${to.version} needs ${now.length === 0 ? "no further libraries" : now.join(", ")}`];
}

function describe({ version, source }: LockedToolchain): string {
  return `${version} (${source})`;
}

function packageChanges(before: Map<string, PlacedPackage>, after: Map<string, PlacedPackage>): string[] {
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  return names.flatMap((name) => {
    const [from, to] = [before.get(name), after.get(name)];
    if (from === undefined) return to === undefined ? [] : [`added ${name} ${to.locked.version}`];
    if (to === undefined) return [`removed ${name} ${from.locked.version}`];
    return packageChange(name, from, to);
  });
}

function packageChange(name: string, from: PlacedPackage, to: PlacedPackage): string[] {
  const [a, b] = [from.locked, to.locked];
  if (a.version !== b.version) return [`changed ${name} ${a.version} → ${b.version}`];
  if (a.sha256 !== b.sha256 || a.size !== b.size) {
    return [
      `changed ${name} ${b.version}: another file with the same version (sha256 ${b.sha256.slice(0, 12)}…)`,
    ];
  }
  if (from.place !== to.place)
    return [`moved ${name} ${b.version} from the ${from.place} to the ${to.place}`];
  if (a.archive !== b.archive || a.path !== b.path)
    return [`moved ${name} ${b.version} to ${b.archive}/${b.path}`];
  return (a.stage ?? 0) === (b.stage ?? 0) ? [] : [`${name} ${b.version} is installed at another stage`];
}

function releaseChanges(before: LockedPlatform, after: LockedPlatform): string[] {
  const from = new Map(releasesOf(before).map((release) => [`${release.archive} ${release.suite}`, release]));
  return releasesOf(after).flatMap((release) => {
    const name = `${release.archive} ${release.suite}`;
    const old = from.get(name);
    if (old?.sha256 === release.sha256) return [];
    return [
      old === undefined ? `index ${name} ${release.date}` : `index ${name} ${old.date} → ${release.date}`,
    ];
  });
}

function releasesOf({ base }: LockedPlatform): readonly LockedRelease[] {
  return base.releases ?? [];
}

/** An image that only one of them knows is no change: it was built, or has yet to be. */
function imageChange(before: LockedPlatform, after: LockedPlatform): string[] {
  const [from, to] = [before.image?.digest, after.image?.digest];
  return from === undefined || to === undefined || from === to ? [] : [`image ${from} → ${to}`];
}

interface PlacedPackage {
  readonly locked: LockedPackage;
  readonly place: "base" | "packages";
}

function allPackages(platform: LockedPlatform): Map<string, PlacedPackage> {
  const all = new Map<string, PlacedPackage>();
  for (const locked of basePackages(platform)) all.set(locked.name, { locked, place: "base" });
  for (const locked of platform.packages) all.set(locked.name, { locked, place: "packages" });
  return all;
}

function summary(platform: LockedPlatform | undefined): string {
  if (platform === undefined) return "nothing";
  const { base, packages, toolchains = [] } = platform;
  const languages = toolchains.map((one) => `, ${one.language} ${describe(one)}`).join("");
  if (base.kind === "image") {
    const { length } = base.layers;
    const onTop = packages.length === 0 ? "" : `, ${count(packages, "package")} on top`;
    return `${base.reference}, ${length} ${length === 1 ? "layer" : "layers"}${onTop}${languages}`;
  }
  const { suite } = base;
  return `${base.distribution}/${suite} with ${base.packages.length} packages, ${packages.length} on top${languages}`;
}

function count({ length }: readonly unknown[], what: string): string {
  return `${length} ${length === 1 ? what : `${what}s`}`;
}

function platformsOf(lock: Lock): Platform[] {
  return Object.keys(lock.platforms).sort() as Platform[];
}

import { type BaseFacts, glibcOf, type ImageSource } from "../languages/index.ts";

/** What an official image's tags offer a base. */
export interface ImageVersions {
  /** The best tag by version, of those that run on the base. */
  readonly fitting: ReadonlyMap<string, string>;
  /** For versions without such a tag, what they are made for: `bullseye`. */
  readonly others: ReadonlyMap<string, readonly string[]>;
}

/**
 * Sorts out an image's tags: full versions only, each with the variant that suits the base best. That is the base's own
 * release, else, where a toolchain needs no more than the C library, the newest release whose C library is not newer
 * than the base's.
 */
export function imageVersions(source: ImageSource, facts: BaseFacts, tags: Iterable<string>): ImageVersions {
  const templates = source.tags.map((template, index) => ({ index, pattern: patternOf(template, source) }));
  const best = new Map<string, { readonly tag: string; readonly rank: number }>();
  const variants = new Map<string, Set<string>>();
  for (const tag of tags) {
    for (const { index, pattern } of templates) {
      const groups = pattern.exec(tag)?.groups;
      if (groups === undefined) continue;
      const version = versionIn(groups["version"] ?? "", source);
      const variant = variantOf(tag, groups, facts, source);
      if (variant.distance === undefined) {
        if (variant.known) variants.set(version, (variants.get(version) ?? new Set()).add(variant.name));
        continue;
      }
      const rank = variant.distance * templates.length + index;
      const before = best.get(version);
      if (before === undefined || rank < before.rank) best.set(version, { tag, rank });
    }
  }
  return {
    fitting: new Map([...best].map(([version, { tag }]) => [version, tag])),
    others: new Map(
      [...variants].flatMap(([version, names]) => (best.has(version) ? [] : [[version, [...names].sort()]])),
    ),
  };
}

interface Variant {
  readonly name: string;
  /** 0 for the base's own, more the further away; undefined when it does not run on the base. */
  readonly distance: number | undefined;
  /** Whether people would know what is meant by the name. */
  readonly known: boolean;
}

/** Further than any two releases of a distribution are from one another. */
const anywhere = 1000;

function variantOf(
  tag: string,
  { codename, alpine }: Readonly<Record<string, string | undefined>>,
  facts: BaseFacts,
  { runsOn }: ImageSource,
): Variant {
  if (codename !== undefined) {
    const known = Object.hasOwn(glibcOf, codename) || codename === facts.codename;
    return { name: codename, distance: known ? releaseDistance(codename, facts, runsOn) : undefined, known };
  }
  if (alpine !== undefined) {
    return { name: `alpine${alpine}`, distance: alpineDistance(alpine, facts, runsOn), known: true };
  }
  const libc = tag.includes("alpine") ? "musl" : "glibc";
  return { name: libc, distance: facts.libc === libc ? anywhere : undefined, known: true };
}

function releaseDistance(
  codename: string,
  facts: BaseFacts,
  runsOn: ImageSource["runsOn"],
): number | undefined {
  if (facts.libc !== "glibc") return undefined;
  if (codename === facts.codename) return 0;
  const [theirs, ours] = [glibcOf[codename], glibcOf[facts.codename]];
  if (runsOn === "own" || theirs === undefined || ours === undefined || theirs > ours) return undefined;
  return 1 + ours - theirs;
}

function alpineDistance(
  version: string,
  facts: BaseFacts,
  runsOn: ImageSource["runsOn"],
): number | undefined {
  if (facts.libc !== "musl" || facts.distribution !== "alpine") return undefined;
  const [theirs, ours] = [version, facts.version].map((text) => {
    const [major = 0, minor = 0] = text.split(".").map(Number);
    return major * 100 + minor;
  });
  if (theirs === undefined || ours === undefined || theirs > ours) return undefined;
  return theirs === ours ? 0 : runsOn === "own" ? undefined : ours - theirs;
}

function versionIn(text: string, { plus }: ImageSource): string {
  return plus === undefined ? text : text.replace(plus, "+");
}

/** `{version}-slim-{codename}` as a pattern of whole tags. */
function patternOf(template: string, { version }: ImageSource): RegExp {
  const groups: Readonly<Record<string, string>> = {
    "{version}": `(?<version>${version.source})`,
    "{codename}": "(?<codename>[a-z]+)",
    "{alpine}": "(?<alpine>\\d+\\.\\d+)",
  };
  const source = template
    .split(/(\{\w+\})/)
    .map((part) => groups[part] ?? part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
    .join("");
  return new RegExp(`^${source}$`);
}

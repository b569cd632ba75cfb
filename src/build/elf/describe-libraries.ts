import { DevenvError } from "../../errors.ts";
import type { LibraryResult, OutdatedLibrary } from "./check-libraries.ts";

/** What {@link describeLibraries} needs to know beside the result. */
export interface LibraryContext {
  /** With its version, as a person calls it: `python 3.9.18`. */
  readonly toolchain: string;
  /** `debian/bookworm`, or the image's reference. */
  readonly base: string;
  /** What can be done about a C library that does not fit, each a sentence. */
  readonly alternatives: readonly string[];
  /** Libraries that packages bring, which are therefore not missing. */
  readonly packaged?: ReadonlySet<string>;
}

/** Lines of a message before the rest is only counted. */
const mostLines = 10;

/**
 * The error that a result amounts to, undefined when the toolchain can be accepted: `DEVENV_TOOLCHAIN_LIBC` when it is
 * made for a newer or another C library (or for newer versions of another library of the base), and
 * `DEVENV_TOOLCHAIN_LIBRARIES` when libraries are missing that no package has.
 */
export function describeLibraries(result: LibraryResult, context: LibraryContext): DevenvError | undefined {
  return otherLibc(result, context) ?? newerLibrary(result, context) ?? missingLibraries(result, context);
}

function otherLibc({ loaders, outdated }: LibraryResult, context: LibraryContext): DevenvError | undefined {
  const isForMusl = loaders.some(({ interpreter }) => interpreter.includes("/ld-musl-"));
  const programs = loaders.map(({ file, interpreter }) => `/${file} is loaded by ${interpreter}`);
  const modules = outdated.filter(isOfAnotherLibc).map(({ file, version }) => `/${file} needs ${version}`);
  const lines = new Set(programs.length > 0 ? programs : modules);
  if (lines.size === 0) return undefined;
  return new DevenvError(
    "DEVENV_TOOLCHAIN_LIBC",
    listed(
      `${context.toolchain} is built for ${isForMusl ? "musl" : "glibc"}, which is not the C library of the base ${context.base}`,
      [...lines],
    ),
    hintOf(context.alternatives),
  );
}

/** musl's library has no versions at all. */
function isOfAnotherLibc({ available }: OutdatedLibrary): boolean {
  return available.length === 0;
}

function newerLibrary({ outdated }: LibraryResult, context: LibraryContext): DevenvError | undefined {
  const byLibrary = new Map<string, OutdatedLibrary[]>();
  for (const one of outdated) byLibrary.set(one.library, [...(byLibrary.get(one.library) ?? []), one]);
  if (byLibrary.size === 0) return undefined;
  const lines = [...byLibrary].map(([library, group]) => {
    const { available, file, provider, version } = group.reduce((a, b) =>
      compareVersions(a.version, b.version) < 0 ? b : a,
    );
    return `/${file} needs ${version} of ${library}; /${provider} ${newestAvailable(version, available)}`;
  });
  return new DevenvError(
    "DEVENV_TOOLCHAIN_LIBC",
    listed(`${context.toolchain} is built for newer libraries than the base ${context.base} has`, lines),
    hintOf(context.alternatives),
  );
}

/** The newest version of the same series, `GLIBC` or `GLIBCXX`. */
function newestAvailable(version: string, available: readonly string[]): string {
  const prefix = version.slice(0, version.indexOf("_") + 1);
  const same = available.filter((one) => one.startsWith(prefix) && /^\d/.test(one.slice(prefix.length)));
  const newest = same.sort(compareVersions).at(-1);
  return newest === undefined ? "has none such" : `has up to ${newest}`;
}

function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => (text.match(/\d+/g) ?? []).map(Number));
  for (let i = 0; i < Math.max(left?.length ?? 0, right?.length ?? 0); i++) {
    const difference = (left?.[i] ?? -1) - (right?.[i] ?? -1);
    if (difference !== 0) return difference;
  }
  return 0;
}

function missingLibraries({ missing }: LibraryResult, context: LibraryContext): DevenvError | undefined {
  const lines = missing
    .filter(({ soname }) => context.packaged?.has(soname) !== true)
    .map(({ file, soname }) => `/${file} needs ${soname}`);
  if (lines.length === 0) return undefined;
  return new DevenvError(
    "DEVENV_TOOLCHAIN_LIBRARIES",
    listed(
      `${context.toolchain} needs libraries that neither the base ${context.base} nor a package of it has`,
      lines,
    ),
    hintOf(context.alternatives),
  );
}

function listed(head: string, lines: readonly string[]): string {
  const shown = lines.slice(0, mostLines).map((line) => `\n  ${line}`);
  const more = lines.length > mostLines ? `\n  and ${lines.length - mostLines} more` : "";
  return `${head}:${shown.join("")}${more}`;
}

function hintOf(alternatives: readonly string[]): { hint?: string } {
  return alternatives.length === 0 ? {} : { hint: alternatives.join(" ") };
}

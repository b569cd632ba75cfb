import { DevenvError } from "../../errors.ts";
import type { Package, Universe } from "./solver/universe.ts";
import type { PackageIndex } from "./types.ts";

/**
 * The packages that the names in a configuration stand for, sorted, each once. The name of a virtual package stands
 * for the package that provides it, when that is only one.
 *
 * @throws DevenvError `DEVENV_PACKAGE_UNKNOWN` that lists all names that stand for no package or for several, with
 *   what may be meant.
 */
export function requestedPackages(universe: Universe, names: readonly string[]): Package[] {
  const unclear = new Map<string, readonly Package[]>();
  const found = new Set<Package>();
  for (const name of [...new Set(names)].sort()) {
    const [pkg, ...others] = packagesNamed(universe, name);
    if (pkg === undefined || others.length > 0) unclear.set(name, pkg === undefined ? [] : [pkg, ...others]);
    else found.add(pkg);
  }
  if (unclear.size > 0) throw unclearNames(universe.index, unclear);
  return [...found];
}

/** The package of the name, else the newest versions of all that provide it. */
function packagesNamed(universe: Universe, name: string): Package[] {
  const pkg = universe.package(name);
  if (pkg.versions.length > 0) return [pkg];
  const providers = pkg.provisions
    .map(({ provider }) => provider)
    .filter((provider) => provider === provider.package.versions[0])
    .map((provider) => provider.package);
  return [...new Set(providers)];
}

function unclearNames(index: PackageIndex, names: ReadonlyMap<string, readonly Package[]>): DevenvError {
  const suite = index.releases[0]?.suite ?? "the archive";
  const lines = [...names].map(([name, providers]) => {
    const found = `${suite} for ${index.architecture} has no package ${JSON.stringify(name)}`;
    if (providers.length > 0) {
      const choices = providers.map((provider) => provider.name).sort();
      return `${found}, but several that provide it; ask for one of them: ${choices.join(", ")}`;
    }
    const suggestions = suggest(index, name);
    return suggestions.length === 0 ? found : `${found}; did you mean ${suggestions.join(", ")}?`;
  });
  return new DevenvError("DEVENV_PACKAGE_UNKNOWN", lines.join("\n"), {
    usage: true,
    about: [...names.keys()],
    hint: "`devenv search WORD` looks for packages.",
  });
}

const MAXIMAL_SUGGESTIONS = 5;

/** Existing names that differ by one mistake in typing, then such that hold the word or its beginning. */
function suggest(index: PackageIndex, name: string): string[] {
  const found = new Set(misspellings(name).filter((spelling) => index.byName(spelling).length > 0));
  const stem = name.replace(/[-.0-9]+$/, "");
  for (const word of new Set([name, stem])) {
    if (found.size >= MAXIMAL_SUGGESTIONS || word.length < 3) break;
    for (const record of index.search(word)) if (record.name.includes(word)) found.add(record.name);
  }
  return [...found].slice(0, MAXIMAL_SUGGESTIONS);
}

const letters = "abcdefghijklmnopqrstuvwxyz0123456789-.+";

/**
 * All words that one slip away: cheaper to look up than all names. Neighbours swapped come first, as the slip that
 * leads to the fewest words, then letters left out, then those too many or wrong.
 */
function misspellings(name: string): string[] {
  const places = Array.from(
    { length: name.length + 1 },
    (_, at) => [name.slice(0, at), name.slice(at)] as const,
  );
  const words = new Set([
    ...places.flatMap(([before, [first, second, ...rest]]) =>
      second === undefined ? [] : [`${before}${second}${first}${rest.join("")}`],
    ),
    ...places.map(([before, after]) => before + after.slice(1)),
    ...[...letters].flatMap((letter) => places.map(([before, after]) => before + letter + after)),
    ...[...letters].flatMap((letter) => places.map(([before, after]) => before + letter + after.slice(1))),
  ]);
  words.delete(name);
  return [...words];
}

import { randomNumbers } from "./apt-oracle-sets.ts";

/** A package of a random archive. */
export interface Toy {
  readonly name: string;
  readonly version: number;
  readonly priority: string;
  readonly depends: readonly (readonly Wish[])[];
  readonly conflicts: readonly Wish[];
  readonly breaks: readonly Wish[];
  readonly provides: readonly { readonly name: string; readonly version?: number }[];
}

interface Wish {
  readonly name: string;
  readonly constraint?: ">= 2" | "<< 2";
}

/** A few packages that have much to do with each other, some of them installed, and a request. */
export interface ToyArchive {
  readonly toys: readonly Toy[];
  readonly installed: readonly Toy[];
  readonly requested: readonly string[];
}

/** Names begin with `prefix`; the same seed gives the same archive. */
export function randomToys(seed: number, prefix = ""): ToyArchive {
  const random = randomNumbers(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const pick = <T>(items: readonly T[]): T => items[below(items.length)] as T;
  const some = <T>(limit: number, make: () => T): T[] => Array.from({ length: below(limit + 1) }, make);
  const real = [..."abcdefgh"].map((name) => prefix + name);
  const virtual = [..."vw"].map((name) => prefix + name);
  const wish = (): Wish => {
    const name = pick([...real, ...virtual]);
    return random() < 0.2 ? { name, constraint: pick([">= 2", "<< 2"] as const) } : { name };
  };
  const toys = real.map((name) => ({
    name,
    version: 1 + below(2),
    priority: pick(["optional", "optional", "optional", "standard", "extra"]),
    depends: some(2, () => [wish(), ...some(2, wish)]),
    conflicts: random() < 0.4 ? some(2, wish) : [],
    breaks: random() < 0.1 ? [wish()] : [],
    provides: some(1, () => (random() < 0.5 ? { name: pick(virtual) } : { name: pick(virtual), version: 2 })),
  }));
  const bases = subsets(toys).filter((subset) => subset.length < 4 && holdsTogether(subset));
  const requested = [...new Set([pick(real), ...some(2, () => pick(real))])].sort();
  return { toys, installed: pick(bases), requested };
}

/** What makes the stanza of a toy. */
export function fieldsOf(toy: Toy): Record<string, string> {
  const text = ({ name, constraint }: Wish) => (constraint === undefined ? name : `${name} (${constraint})`);
  const fields = {
    Priority: toy.priority,
    Depends: toy.depends.map((group) => group.map(text).join(" | ")).join(", "),
    Conflicts: toy.conflicts.map(text).join(", "),
    Breaks: toy.breaks.map(text).join(", "),
    Provides: toy.provides
      .map(({ name, version }) => (version === undefined ? name : `${name} (= ${version})`))
      .join(", "),
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ""));
}

/** Whether each has all that it needs and nothing that it excludes. */
export function holdsTogether(toys: readonly Toy[]): boolean {
  return toys.every(
    (toy) =>
      toy.depends.every((group) => group.some((wish) => toys.some((other) => isMeant(other, wish)))) &&
      ![...toy.conflicts, ...toy.breaks].some((wish) =>
        toys.some((other) => other !== toy && isMeant(other, wish)),
      ),
  );
}

/** The names of `roots` and of all that something needs, directly or not. */
export function neededBy(toys: readonly Toy[], roots: readonly Toy[]): Set<string> {
  const needed = new Set(roots);
  for (const toy of needed) {
    for (const wish of toy.depends.flat()) {
      for (const other of toys) if (isMeant(other, wish)) needed.add(other);
    }
  }
  return new Set([...needed].map(({ name }) => name));
}

/** All 2^n of them. */
export function subsets<T>(items: readonly T[]): T[][] {
  return Array.from({ length: 2 ** items.length }, (_, bits) => items.filter((_, at) => (bits >> at) & 1));
}

function isMeant(toy: Toy, { name, constraint }: Wish): boolean {
  const fits = (version: number | undefined) =>
    constraint === undefined ||
    (version !== undefined && (constraint === ">= 2" ? version >= 2 : version < 2));
  return (
    (toy.name === name && fits(toy.version)) ||
    toy.provides.some((provided) => provided.name === name && fits(provided.version))
  );
}

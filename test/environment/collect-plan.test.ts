import { describe, expect, test } from "vitest";
import type { StoreContents, StoredItem } from "../../src/build/contents.ts";
import { planCollection } from "../../src/environment/gc/plan.ts";
import type { Roots } from "../../src/environment/gc/roots.ts";
import type { Digest } from "../../src/lock/index.ts";

const limit = 1000;
const old = 900;
const recent = 1100;

const hex = (letter: string): string => letter.repeat(64);
const digest = (letter: string): Digest => `sha256:${hex(letter)}`;

const item = (path: string, name: string, used: number): StoredItem => ({ path, name, used, inode: 1 });
const image = (letter: string, layers: readonly string[], used: number) => ({
  ...item(`images/${hex(letter)}.json`, hex(letter), used),
  digest: digest(letter),
  layers: layers.map(digest),
});
const step = (name: string, layer: string, used: number) => ({
  ...item(`steps/${name}.json`, name, used),
  record: { diffID: digest(layer), size: 1 },
});
const layer = (letter: string, used: number) => ({
  ...item(`layers/${hex(letter)}`, hex(letter), used),
  diffID: digest(letter),
});

const nothing: StoreContents = {
  images: [],
  steps: [],
  layers: [],
  derived: [],
  blobs: [],
  indexes: [],
  facts: [],
  projects: [],
};
const noRoots: Roots = {
  layers: new Set(),
  mounted: new Set(),
  images: new Set(),
  blobs: new Set(),
  projects: new Set(),
  unclear: [],
};

/** Paths of what is taken. */
function taken(
  contents: Partial<StoreContents>,
  roots: Partial<Roots> = {},
  blobs: readonly (readonly [Digest, readonly string[]])[] = [],
): string[] {
  const plan = planCollection({ ...nothing, ...contents }, { ...noRoots, ...roots }, new Map(blobs), limit);
  return Object.values(plan).flatMap((items: readonly StoredItem[]) => items.map(({ path }) => path));
}

describe("what is collected", () => {
  test("is what nobody used for long: an image with its records, layers, and what is known of them", () => {
    const contents = {
      images: [image("e", ["a", "b"], old)],
      steps: [step("one", "a", old), step("two", "b", old)],
      layers: [layer("a", old), layer("b", old)],
      derived: [item(`elf/${hex("a")}.json`, hex("a"), old)],
      blobs: [item(`blobs/sha256/${hex("e")}`, hex("e"), old)],
      indexes: [item("indexes/bookworm", "bookworm", old)],
      facts: [item("facts/one.json", "one", old)],
      projects: [item("projects/0123456789ab", "0123456789ab", old)],
    };
    const all = Object.values(contents).flatMap((items: readonly StoredItem[]) => items);
    expect(taken(contents).sort()).toEqual(all.map(({ path }) => path).sort());
  });

  test("is nothing that was used since", () => {
    const used = {
      images: [image("e", ["a"], recent)],
      steps: [step("two", "b", recent), step("none", "f", recent)],
      layers: [layer("c", recent)],
      derived: [item(`elf/${hex("d")}.json`, hex("d"), recent)],
      blobs: [item("blobs/sha256/package", "package", recent)],
      indexes: [item("indexes/bookworm", "bookworm", recent)],
      facts: [item("facts/one.json", "one", recent)],
      projects: [item("projects/0123456789ab", "0123456789ab", recent)],
    };
    expect(taken(used)).toEqual([]);
  });

  test("is nothing that something used since stands on, and no record of that", () => {
    const contents = {
      images: [image("e", ["a"], recent)],
      steps: [step("one", "a", old), step("two", "b", recent), step("three", "b", old)],
      layers: [layer("a", old), layer("b", old)],
      derived: [item(`elf/${hex("a")}.json`, hex("a"), old)],
      blobs: [item("m", hex("e"), old), item("c", hex("9"), old)],
    };
    expect(taken(contents, {}, [[digest("e"), [hex("e"), hex("9")]]])).toEqual([]);
  });

  test("is nothing that an environment stands on or its lock names, however old", () => {
    const contents = {
      images: [image("e", ["a", "b"], old)],
      steps: [step("three", "c", old)],
      layers: [layer("a", old), layer("b", old), layer("c", old), layer("d", old)],
      blobs: [item("config", hex("7"), old)],
      projects: [item("projects/0123456789ab.json", "0123456789ab.json", old)],
    };
    const roots = {
      images: new Set([digest("e")]),
      layers: new Set([digest("c")]),
      blobs: new Set([hex("7")]),
      projects: new Set(["0123456789ab"]),
    };
    expect(taken(contents, roots)).toEqual([`layers/${hex("d")}`]);
  });

  test("is a record of a layer that is not there", () => {
    const contents = { steps: [step("one", "a", old)] };
    expect(taken(contents, { layers: new Set([digest("a")]) })).toEqual(["steps/one.json"]);
  });

  test("is no layer and no image where nobody knows what an environment stands on", () => {
    const contents = {
      images: [image("e", ["a"], old)],
      steps: [step("one", "b", old)],
      layers: [layer("a", old), layer("b", old), layer("c", old)],
      blobs: [item("package", hex("8"), old)],
    };
    expect(taken(contents, { unclear: ["broken-0123456789ab"] })).toEqual(["package"]);
  });
});

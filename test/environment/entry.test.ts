import { expect, test } from "vitest";
import { type EntryFacts, entryWords } from "../../src/environment/entry.ts";
import type { StartRecord } from "../../src/environment/state.ts";

const stamp = { device: "1", inode: "2", modified: "3", size: "4" };
const start: StartRecord = {
  settings: {
    name: "shop",
    env: {},
    mounts: [],
    limits: { pids: 9 },
    network: "none",
    ports: [],
    hostPorts: [],
  },
  cgroups: [],
  missingLimits: [],
  onStart: "none",
};

function wordsOf(record: StartRecord, groups: readonly string[]): string[] {
  const facts = {
    state: { name: "shop", project: "/shop", start: record, stamps: { configuration: stamp, lock: stamp } },
    configuration: { hooks: {}, tasks: {} },
    directory: "/store/environments/shop",
    user: { uid: 1000, gid: 1000 },
    sources: [],
    plan: [],
    groups,
  };
  return entryWords(facts as unknown as EntryFacts);
}

function valuesOf(words: readonly string[], key: string): string[] {
  return words.filter((_, index) => index % 2 === 0 && words[index - 1] === key);
}

test("a start that makes the same groups can be done again", () => {
  const words = wordsOf({ ...start, cgroups: ["/groups/shop"] }, ["/groups/shop"]);
  expect(valuesOf(words, "group")).toEqual(["/groups/shop"]);
  expect(valuesOf(words, "start")).toEqual(["yes"]);
});

test("whoever is in a group that the next start does not make, or in a slice, is not started by the launcher", () => {
  expect(valuesOf(wordsOf({ ...start, cgroups: ["/groups/shop"] }, []), "start")).toEqual(["no"]);
  const slice = {
    name: "devenv-shop.slice",
    directory: "/groups/devenv-shop.slice",
    runtime: "/run/user/1000",
  };
  const words = wordsOf({ ...start, slice }, []);
  expect(valuesOf(words, "manager")).toEqual(["/run/user/1000"]);
  expect(valuesOf(words, "slice")).toEqual(["devenv-shop.slice"]);
  expect(valuesOf(words, "start")).toEqual(["no"]);
});

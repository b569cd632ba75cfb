import { describe, expect, test } from "vitest";
import { CompactIndex, isCompactOf } from "../../../src/sources/debian/compact-read.ts";
import { compactPackages } from "../../../src/sources/debian/compact-write.ts";
import { MentionOrder } from "../../../src/sources/debian/mentions.ts";
import type { PackageRecord } from "../../../src/sources/debian/types.ts";
import { sha256, stanza } from "./archive.ts";

const digest = sha256("");

function compact(text: string): CompactIndex {
  const file = compactPackages(Buffer.from(text), {
    architecture: "amd64",
    sha256: digest,
    name: "Packages",
  });
  expect(isCompactOf(file, digest)).toBe(true);
  return new CompactIndex(file, { archive: "debian", suite: "bookworm", suitesBefore: 0 });
}

describe("the forms a stanza may have", () => {
  test("folded fields, blank lines, CRLF, names in any case, no line end at the end", () => {
    const hash = sha256("x");
    const index = compact(
      `\n\nPACKAGE:  folded \t\nversion: 1\r\nArchitecture: all\nDepends: a,\n b (>= 2),\n\tc\nUnknown: x\n y\n` +
        `Filename: pool/a\nSize: 0\nSHA256: ${hash}\nDescription: first\n second\n .\n\n \t \n${stanza("next", "2").trimEnd()}`,
    );
    expect(index.byName("folded")).toMatchObject([
      {
        version: "1",
        depends: "a,\n b (>= 2),\n\tc",
        description: "first",
        size: 0,
        sha256: hash,
        priority: "",
      },
    ]);
    expect(index.byName("next")).toHaveLength(1);
    expect(index.all()).toHaveLength(2);
  });

  test("an index without packages", () => {
    const index = compact("");
    expect(index.byName("a")).toEqual([]);
    expect(index.providers("")).toEqual([]);
    expect(index.all()).toEqual([]);
  });

  test("several versions of one name", () => {
    const index = compact(stanza("a", "1") + stanza("b", "1") + stanza("a", "2"));
    expect(index.byName("a").map(({ version }) => version)).toEqual(["1", "2"]);
  });

  test("values of every length", () => {
    const lengths = [1, 100, 101, 127, 128, 129, 16383, 16384, 70_000];
    const index = compact(
      lengths
        .map((length) => stanza(`p${length}`, "1", { Depends: "x".repeat(length), Description: "ü" }))
        .join(""),
    );
    for (const length of lengths) {
      expect(index.byName(`p${length}`)).toMatchObject([{ depends: "x".repeat(length), description: "ü" }]);
    }
  });

  test("provided names with versions and architectures", () => {
    const index = compact(
      stanza("p", "1", { Provides: "a (= 1:2.0) ,b:amd64(= 1),, c:native, d:i386,e (= 3)" }) +
        stanza("q", "1", { Provides: "e" }),
    );
    const providersOf = (name: string) => index.providers(name).map((record) => record.name);
    expect(providersOf("a")).toEqual(["p"]);
    expect(providersOf("b")).toEqual(["p"]);
    expect(providersOf("c")).toEqual(["p"]);
    expect(providersOf("d")).toEqual([]);
    expect(providersOf("e")).toEqual(["p", "q"]);
    expect(providersOf("p")).toEqual([]);
  });
});

test("random indexes read back as they were written, and number names as MentionOrder does", () => {
  const random = seeded(1);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const name = () =>
    `${pick(["lib", "python3-", ""])}${pick(["a", "b+", "c.d", "e-f"])}${Math.floor(random() * 400)}`;
  const relation = () =>
    `${name()}${pick(["", "", ":any", ":amd64", ":i386"])}${pick(["", " (>= 1.0~)", "(= 2)"])}`;
  const relations = () =>
    Array.from({ length: Math.floor(random() * 5) }, relation)
      .map((one, index) => (index === 0 ? one : `${pick([", ", ",", " | ", ",\n "])}${one}`))
      .join("");
  const fields = [
    "Depends",
    "Pre-Depends",
    "Conflicts",
    "Breaks",
    "Recommends",
    "Suggests",
    "Replaces",
    "Enhances",
  ];
  const stanzas = Array.from({ length: 3000 }, (_, number) => {
    const all: Record<string, string> = { Version: `1.${number}`, Priority: pick(["required", "optional"]) };
    for (const field of [...fields, "Provides"]) if (random() < 0.3) all[field] = relations();
    if (random() < 0.1) all["Essential"] = pick(["yes", "no"]);
    if (random() < 0.3) all["Multi-Arch"] = pick(["same", "foreign", "allowed", "no"]);
    return { name: name(), fields: all };
  });
  const index = compact(
    stanzas.map(({ name, fields }) => stanza(name, `${fields["Version"]}`, fields)).join(""),
  );
  const order = new MentionOrder("amd64");
  const records = index.all();
  expect(records).toHaveLength(stanzas.length);
  const providers = new Map<string, Set<PackageRecord>>();
  stanzas.forEach(({ name, fields }, number) => {
    const record = records[number];
    const multiArch = fields["Multi-Arch"];
    expect(record).toMatchObject({
      name,
      version: fields["Version"],
      depends: (fields["Depends"] ?? "").trim(),
      preDepends: fields["Pre-Depends"] ?? "",
      provides: fields["Provides"] ?? "",
      essential: fields["Essential"] === "yes",
      order: order.add(name, (field) => fields[field]),
    });
    expect(record?.multiArch).toBe(multiArch === "no" ? undefined : multiArch);
    for (const item of (fields["Provides"] ?? "").split(/[,|]/)) {
      const [, provided, qualifier] = /^\s*([^\s:(]+)(?::([^\s(]+))?/.exec(item) ?? [];
      if (provided === undefined || record === undefined) continue;
      if (qualifier !== undefined && qualifier !== "amd64") continue;
      providers.set(provided, (providers.get(provided) ?? new Set()).add(record));
    }
  });
  for (const { name } of stanzas) {
    expect(index.byName(name)).toEqual(records.filter((record) => record.name === name));
  }
  for (const [name, found] of providers) expect(index.providers(name)).toEqual([...found]);
  expect(index.essentials()).toEqual(records.filter((record) => record.essential));
  expect(index.required()).toEqual(records.filter((record) => record.priority === "required"));
});

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

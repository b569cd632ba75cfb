import { expect, test } from "vitest";
import { type HostIdentity, type IdRange, mapIdentity, mapOptions } from "../../src/sandbox/identity.ts";

const one = "dev:100000:65536\n";
const host: HostIdentity = { name: "dev", uid: 1000, gid: 1000, subuid: one, subgid: one };

/** Where an id inside is outside. */
function outside(map: readonly IdRange[], inside: number): number | undefined {
  const range = map.find(
    (candidate) => inside >= candidate.inside && inside < candidate.inside + candidate.count,
  );
  return range === undefined ? undefined : range.outside + inside - range.inside;
}

/** What the kernel asks of a map: no id twice, on neither side (user_namespaces(7)). */
function expectDisjoint(map: readonly IdRange[]): void {
  for (const side of ["inside", "outside"] as const) {
    const sorted = [...map].sort((a, b) => a[side] - b[side]);
    for (const [index, range] of sorted.entries()) {
      expect(range.count).toBeGreaterThan(0);
      const next = sorted[index + 1];
      if (next !== undefined) expect(range[side] + range.count).toBeLessThanOrEqual(next[side]);
    }
  }
}

test("the developer is the same on both sides, everybody else is subordinate", () => {
  const { uidMap, user } = mapIdentity(host);
  expect(user).toEqual({ uid: 1000, gid: 1000 });
  expect(uidMap).toEqual([
    { inside: 0, outside: 100000, count: 1000 },
    { inside: 1000, outside: 1000, count: 1 },
    { inside: 1001, outside: 101000, count: 64535 },
  ]);
  expectDisjoint(uidMap);
});

test("root outside is an ordinary user inside, and needs no entry of its own", () => {
  const { uidMap, gidMap, user } = mapIdentity({ name: "root", uid: 0, gid: 0, subuid: "", subgid: "" });
  expect(user).toEqual({ uid: 1000, gid: 1000 });
  expect(outside(uidMap, 1000)).toBe(0);
  expect(outside(uidMap, 0)).toBe(0x70000000);
  expect(gidMap).toEqual(uidMap);
  expectDisjoint(uidMap);
});

test.each([
  ["of a directory service, far above all others", 1_234_567_890, 1_234_500_000],
  ["the last of the common ones", 65_535, 65_535],
  ["just behind them", 65_536, 65_536],
])("an id %s is mapped as well", (_, uid, gid) => {
  const { uidMap, gidMap, user } = mapIdentity({ ...host, uid, gid });
  expect(user).toEqual({ uid, gid });
  expect(outside(uidMap, uid)).toBe(uid);
  expect(outside(gidMap, gid)).toBe(gid);
  for (const id of [0, 33, 1000, 65_534]) expect(outside(uidMap, id)).toBeGreaterThanOrEqual(100_000);
  expectDisjoint(uidMap);
});

test("several ranges, by name and by number, are used one after the other; other users' are not", () => {
  const subuid = "other:1:65536\ndev:200000:500\n\n# dev:1:65536\n1000:300000:70000\ndev:nonsense:65536\n";
  const { uidMap } = mapIdentity({ ...host, subuid });
  expect(uidMap).toEqual([
    { inside: 0, outside: 200000, count: 500 },
    { inside: 500, outside: 300000, count: 500 },
    { inside: 1000, outside: 1000, count: 1 },
    { inside: 1001, outside: 300500, count: 64535 },
  ]);
});

test("too few subordinate ids are an error with the command that mends it", () => {
  const few = () => mapIdentity({ ...host, subgid: "dev:100000:65535\n" });
  expect(few).toThrow("/etc/subgid: dev has 65535 subordinate ids, 65536 are needed");
  try {
    few();
  } catch (error) {
    expect(error).toMatchObject({
      code: "DEVENV_NO_SUBUIDS",
      hint: "Once, as root: usermod --add-subgids 524288-589823 dev",
    });
  }
});

test("the command that mends it gives out only ids that nobody has", () => {
  const taken = "one:524288:65536\ntwo:1000000:1\n";
  expect(() => mapIdentity({ ...host, subuid: taken, subgid: "" })).toThrow(
    expect.objectContaining({
      message: "/etc/subuid: dev has 0 subordinate ids, 65536 are needed",
      hint: "Once, as root: usermod --add-subuids 1048576-1114111 --add-subgids 524288-589823 dev",
    }),
  );
});

test("a user without a name is given one, with which come ids", () => {
  const nameless = { ...host, name: "4711", uid: 4711, subuid: "", subgid: "" };
  expect(() => mapIdentity(nameless)).toThrow(
    expect.objectContaining({ hint: "Once, as root: useradd --uid 4711 developer" }),
  );
});

test("as options of the sandbox program", () => {
  const map = { inside: 0, outside: 5, count: 2 };
  expect(
    mapOptions({ uidMap: [map], gidMap: [map, { ...map, inside: 7 }], user: { uid: 0, gid: 0 } }),
  ).toEqual([...["--uid-map", "0:5:2"], ...["--gid-map", "0:5:2", "--gid-map", "7:5:2"]]);
});

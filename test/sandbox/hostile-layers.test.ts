import { execFileSync } from "node:child_process";
import { chmodSync, lstatSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TarEntry } from "../support/archives.ts";
import { Host, testers } from "./host.ts";
import { containerd, type Found, type HostileArchive, nodeTar, others, umoci } from "./hostile-archives.ts";
import { layerOf } from "./layer-tools.ts";

const origins: readonly (readonly [origin: string, archives: readonly HostileArchive[]])[] = [
  ["containerd", containerd],
  ["umoci", umoci],
  ["node-tar", nodeTar],
  ["others", others],
];
const all = origins.flatMap(([origin, archives]) =>
  archives.map(([name, entries, expected]) => [`${origin}: ${name}`, entries, expected] as const),
);

describe.each(testers())("a layer that breaks out, for $label", (tester) => {
  let host: Host;
  let count = 0;
  beforeAll(() => {
    host = new Host(tester);
    host.own("store/layers");
    // Whatever way up an entry takes, it comes by one of these.
    for (const directory of [host.directory, host.store, join(host.store, "layers")])
      for (const name of ["outside", "etc", "a"]) {
        mkdirSync(join(directory, name));
        chmodSync(join(directory, name), 0o777);
        for (const file of ["kept", "passwd"]) writeFileSync(join(directory, name, file), "kept");
      }
  });
  afterAll(() => {
    host.call("removePaths", host.store, ["layers", "outside", "etc", "a"]);
    host.close();
  });

  /** Everything that is not the layer's: names, kinds, owners, links, sizes, times and places of content. */
  function surroundings(): string {
    const layers = ["-path", join(host.store, "layers/layer-*"), "-prune", "-o"];
    const what = ["-printf", "%p %y %U:%G %m %n %s %i %T@ %C@ %l\\n"];
    const found = execFileSync("find", [host.directory, ...layers, ...what], { encoding: "utf8" });
    const places = execFileSync("sh", ["-c", "ls -A / /etc; stat -c '%n %h %s %Y' /etc/passwd /etc/shadow"]);
    // The directory of the layers gets a new one each time.
    return found.replace(/^(\S*\/layers d) .*$/m, "$1") + places.toString();
  }

  /** What became of it: the refusal, or the place of the layer. */
  function unpack(entries: readonly TarEntry[]): { refusal: string } | { place: string } {
    const { data, ...layer } = layerOf(entries);
    const file = join(host.directory, "blob");
    writeFileSync(file, data);
    count += 1;
    const root = `layers/layer-${count}`;
    const before = surroundings();
    const answer = host.outcome("unpackLayer", { store: host.store, root, file, ...layer });
    expect(surroundings()).toBe(before);
    if (!("error" in answer)) return { place: join(host.store, root) };
    expect(answer.error.code).toBe("DEVENV_UNPACK_LAYER_FAILED");
    return { refusal: answer.error.message };
  }

  test.each(all)("%s", (_, entries, expected) => {
    const outcome = unpack(entries.map(withoutSlash));
    if (expected instanceof RegExp) {
      expect(outcome).toEqual({ refusal: expect.stringMatching(expected) });
    } else {
      expect(outcome).toEqual({ place: expect.anything() });
      const place = "place" in outcome ? outcome.place : "";
      for (const [path, found] of Object.entries(expected))
        expect([path, look(place, path, found)]).toEqual([path, found]);
    }
    if (entries.some((entry) => withoutSlash(entry) !== entry))
      expect(unpack(entries)).toEqual({ refusal: expect.stringMatching(/: .*(absolute|"\.\.")/) });
  });
});

/** What is at a path, told in the kind that is expected. */
function look(place: string, path: string, expected: Found): Found {
  const absolute = join(place, path);
  const status = lstatSync(absolute, { throwIfNoEntry: false });
  if (status === undefined) return null;
  if (status.isSymbolicLink()) return { link: readlinkSync(absolute) };
  if (expected !== null && typeof expected === "object" && "same" in expected)
    return status.ino === lstatSync(join(place, expected.same)).ino ? expected : { same: "nothing" };
  return status.isFile() ? readFileSync(absolute, "utf8") : "a directory";
}

/** The entry as extractors that take off a leading slash see it; the same one when there is none. */
function withoutSlash(entry: TarEntry): TarEntry {
  const isHardlink = entry.type === "1";
  if (!/^\/[^/.]/.test(entry.name) && !(isHardlink && /^\/[^/.]/.test(entry.link ?? ""))) return entry;
  const link = isHardlink ? { link: (entry.link ?? "").replace(/^\//, "") } : {};
  return { ...entry, name: entry.name.replace(/^\//, ""), ...link };
}

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fetchRelease } from "../../../src/sources/debian/archive.ts";
import { findLibraryPackages, openIndexes, resolveMirrors } from "../../../src/sources/debian/index.ts";
import { debianArchiveKeys } from "../../../src/sources/debian/keys/index.ts";
import { isoDate } from "../../../src/sources/debian/release.ts";
import { suites } from "../../../src/sources/debian/types.ts";

let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "devenv-test-"));
});

afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

describe("Debian's archive, as this host reaches it", () => {
  const mirrors = resolveMirrors();

  test.each(suites)("the releases of %s are signed by keys that we ship", async (suite) => {
    for (const name of [suite, `${suite}-updates`, `${suite}-security`]) {
      const archive = name.endsWith("-security") ? "debian-security" : "debian";
      const checks = { known: undefined, keys: debianArchiveKeys, now: new Date() };
      const release = await fetchRelease(mirrors[archive], name, checks);
      expect(release).toMatchObject({ codename: name, byHash: true });
      expect(Object.keys(release.indexes)).toEqual(expect.arrayContaining(["amd64", "arm64"]));
    }
  });

  test("the packages of bookworm for two architectures, and again from the store", async () => {
    const open = async (offline: boolean) => {
      const start = performance.now();
      const indexes = await openIndexes("bookworm", ["amd64", "arm64"], {
        store: { root },
        mirrors,
        offline,
      });
      return { indexes, milliseconds: Math.round(performance.now() - start) };
    };
    const cold = await open(false);
    const warm = await open(true);
    console.log(`opened in ${cold.milliseconds} ms, from the store in ${warm.milliseconds} ms`);
    expect(warm.milliseconds).toBeLessThan(1000);

    for (const architecture of ["amd64", "arm64"]) {
      const index = warm.indexes.get(architecture);
      if (index === undefined) throw new Error(`no index for ${architecture}`);
      expect(index.releases).toEqual(cold.indexes.get(architecture)?.releases);
      expect(index.byName("python3")).toMatchObject([
        { architecture, multiArch: "allowed", archive: "debian", suite: "bookworm" },
      ]);
      expect(index.byName("tzdata").every((record) => record.architecture === "all")).toBe(true);
      expect(index.providers("awk").map(({ name }) => name)).toEqual(["gawk", "mawk", "original-awk"]);
      expect(index.essentials().map(({ name }) => name)).toEqual(
        expect.arrayContaining(["dpkg", "bash", "libc-bin"]),
      );
      expect(index.required().length).toBeGreaterThan(20);
      expect(index.search("postgresql-15")[0]?.name).toBe("postgresql-15");
    }
    const record: unknown = JSON.parse(await readFile(join(root, "indexes/bookworm.release.json"), "utf8"));
    const date = (record as { date: number }).date;
    expect(warm.indexes.get("amd64")?.releases[0]?.date).toBe(isoDate(date));
  });

  test.each(["amd64", "arm64"])(
    "the packages of bookworm that ship a library for %s",
    async (architecture) => {
      const sonames = ["libssl.so.3", "libffi.so.8", "libsqlite3.so.0", "libz.so.1", "libtk8.6.so"];
      const options = { store: { root }, mirrors };
      const cold = await findLibraryPackages(
        "bookworm",
        architecture,
        [...sonames, "libssl.so.1.1"],
        options,
      );
      expect(Object.fromEntries([...cold].map(([soname, packages]) => [soname, packages[0]]))).toEqual({
        "libssl.so.3": "libssl3",
        "libffi.so.8": "libffi8",
        "libsqlite3.so.0": "libsqlite3-0",
        "libz.so.1": "zlib1g",
        "libtk8.6.so": "libtk8.6",
      });
      const warm = await findLibraryPackages("bookworm", architecture, sonames, {
        ...options,
        offline: true,
      });
      expect(warm).toEqual(cold);
    },
  );
});

import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  checkLibraries,
  describeLibraries,
  type LayerInventory,
  type LibraryResult,
  makeInventory,
} from "../../../src/build/elf/index.ts";
import {
  findLibraryPackages,
  openIndexes,
  packageUrls,
  resolveMirrors,
} from "../../../src/sources/debian/index.ts";
import { downloadBlobs, openStore, type Store } from "../../../src/store/index.ts";

type Architecture = "amd64" | "arm64";
type Release = "bullseye" | "bookworm";

let store: Store;

beforeAll(async () => {
  store = await openStore(await mkdtemp(join(tmpdir(), "devenv-test-")));
});

afterAll(() => rm(store.root, { recursive: true, force: true }));

/** The inventory of a layer with the files of some of a release's packages. */
async function layerOf(
  suite: Release,
  architecture: Architecture,
  names: readonly string[],
): Promise<LayerInventory> {
  const mirrors = resolveMirrors();
  const index = (await openIndexes(suite, [architecture], { store, mirrors })).get(architecture);
  const packages = names.map((name) => {
    // The release's own: what its updates bring changes from week to week.
    const found = index?.byName(name).find((one) => one.suite === suite);
    if (found === undefined) throw new Error(`no package ${name}`);
    return found;
  });
  await downloadBlobs(
    store,
    packages.map((one) => ({ ...one, urls: packageUrls(mirrors, one) })),
  );
  const place = `layers/${suite}-${architecture}-${names[0]}`;
  mkdirSync(join(store.root, place), { recursive: true });
  for (const { sha256 } of packages)
    execFileSync("dpkg-deb", ["-x", store.blobPath(sha256), join(store.root, place)]);
  return await makeInventory(store, place);
}

function check(
  architecture: Architecture,
  base: LayerInventory,
  toolchain: LayerInventory,
  optional: readonly string[] = [],
): LibraryResult {
  return checkLibraries({ layers: [base, toolchain], toolchain: [1], architecture, optional });
}

const baseNames = [
  "libc6",
  "zlib1g",
  "libbz2-1.0",
  "liblzma5",
  "libuuid1",
  "libcrypt1",
  "libtinfo6",
  "libdb5.3",
];

describe("toolchains of Debian's archive", () => {
  test.each<Architecture>(["amd64", "arm64"])(
    "bullseye's python over bookworm for %s",
    async (architecture) => {
      const base = await layerOf("bookworm", architecture, baseNames);
      const python = await layerOf("bullseye", architecture, [
        "python3.9-minimal",
        "libpython3.9-minimal",
        "libpython3.9-stdlib",
      ]);
      const result = check(architecture, base, python, ["**/nis.*.so"]);
      expect(result).toMatchObject({ loaders: [], outdated: [] });
      const sonames = [...new Set(result.missing.map(({ soname }) => soname))].sort();
      expect(sonames).toEqual([
        "libcrypto.so.1.1",
        "libexpat.so.1",
        "libffi.so.7",
        "libmpdec.so.3",
        "libncursesw.so.6",
        "libpanelw.so.6",
        "libreadline.so.8",
        "libsqlite3.so.0",
        "libssl.so.1.1",
      ]);
      const options = { store, mirrors: resolveMirrors() };
      const packages = await findLibraryPackages("bookworm", architecture, sonames, options);
      expect([...packages].map(([soname, [name]]) => `${soname} ${name}`)).toEqual([
        "libexpat.so.1 libexpat1",
        "libncursesw.so.6 libncursesw6",
        "libpanelw.so.6 libncursesw6",
        "libreadline.so.8 libreadline8",
        "libsqlite3.so.0 libsqlite3-0",
      ]);
      const context = {
        toolchain: "python 3.9.2",
        base: "debian/bookworm",
        alternatives: [],
        packaged: new Set(packages.keys()),
      };
      const error = describeLibraries(result, context);
      expect(error?.code).toBe("DEVENV_TOOLCHAIN_LIBRARIES");
      expect(error?.message.split("\n").slice(1)).toEqual(
        [
          "_ctypes libffi.so.7",
          "_decimal libmpdec.so.3",
          "_hashlib libcrypto.so.1.1",
          "_ssl libssl.so.1.1",
          "_ssl libcrypto.so.1.1",
        ].map((line) => expect.stringMatching(new RegExp(line.replace(" ", ".* ")))),
      );
    },
  );

  test("bookworm's python over bullseye is for a newer C library", async () => {
    const base = await layerOf("bullseye", "amd64", [...baseNames, "libexpat1"]);
    const python = await layerOf("bookworm", "amd64", ["python3.11-minimal"]);
    const result = check("amd64", base, python);
    expect(result.missing).toEqual([]);
    expect(
      describeLibraries(result, { toolchain: "python 3.11.2", base: "debian/bullseye", alternatives: [] }),
    ).toMatchObject({
      code: "DEVENV_TOOLCHAIN_LIBC",
      message: expect.stringMatching(
        /\/usr\/bin\/python3\.11 needs GLIBC_2\.3[4-9] of lib\w\.so\.6; \/lib\/.* has up to GLIBC_2\.[23]\d/,
      ),
    });
  });

  test("a package of its own release needs nothing that its dependencies do not bring", async () => {
    const base = await layerOf("bookworm", "amd64", [...baseNames, "libexpat1"]);
    expect(check("amd64", base, await layerOf("bookworm", "amd64", ["python3.11-minimal"]))).toEqual({
      missing: [],
      loaders: [],
      outdated: [],
    });
  });
});

import { readdir, readFile, rm, stat, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { makeKey, stanza, TestArchive } from "./archive.ts";
import { archive, later, mirrors, openAll, openOne, refusal, release, root, useArchive } from "./fixture.ts";

useArchive();

describe("what an index says", () => {
  test("all versions of a package, of all suites, each file once", async () => {
    const index = await openOne();
    expect(index.byName("curl").map(({ version, suite, archive }) => [version, suite, archive])).toEqual([
      ["7.88.1-10", "bookworm", "debian"],
      ["7.88.1-10+deb12u1", "bookworm-security", "debian-security"],
    ]);
    expect(index.byName("cur")).toEqual([]);
    expect(index.byName("libc6")).toEqual([]);
    expect(index.byName("curl")[0]).toBe(index.byName("curl")[0]);
  });

  test("every field of a record", async () => {
    const index = await openOne();
    expect(index.byName("docs")).toEqual([
      {
        name: "docs",
        version: "3",
        architecture: "all",
        essential: false,
        priority: "optional",
        section: "doc",
        depends: "",
        preDepends: "",
        conflicts: "",
        breaks: "",
        provides: "",
        source: "manuals (2)",
        description: "Übersicht",
        sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
        size: 1234,
        path: "pool/main/d/docs/docs_3_all.deb",
        archive: "debian",
        suite: "bookworm",
        order: expect.any(Number),
      },
    ]);
    expect(index.byName("mawk")[0]).toMatchObject({
      multiArch: "foreign",
      provides: "awk",
      priority: "required",
    });
    expect(index.byName("dpkg")[0]).toMatchObject({ essential: true, preDepends: "libc6 (>= 2.34)" });
  });

  test("who provides a name, what is essential, what is required", async () => {
    const index = await openOne();
    const names = (records: readonly { name: string }[]) => records.map(({ name }) => name);
    expect(names(index.providers("awk"))).toEqual(["mawk", "gawk"]);
    expect(names(index.providers("gawk-impl"))).toEqual(["gawk"]);
    expect(index.providers("mawk")).toEqual([]);
    expect(index.providers("awk")[0]).toBe(index.byName("mawk")[0]);
    expect(names(index.essentials())).toEqual(["dpkg"]);
    expect(names(index.required())).toEqual(["mawk", "dpkg"]);
  });

  test("search finds words in names and descriptions, the best first", async () => {
    const index = await openOne();
    const names = index.search("awk").map(({ name }) => name);
    expect(names).toEqual(["gawk", "mawk"]);
    expect(index.search("ÜBER").map(({ name }) => name)).toEqual(["docs"]);
    expect(index.search("curl")).toHaveLength(2);
    expect(index.search("no such thing")).toEqual([]);
  });

  test("names are numbered in the order in which the suites mention them", async () => {
    const index = await openOne();
    const order = (name: string) => index.byName(name).map((record) => record.order);
    // curl 0, mawk 1, awk 2, gawk 3, gawk-impl 4, dpkg 5, libc6 6, docs 7; for the updates a new count.
    expect(order("curl")).toEqual([0, 2 * 2 ** 24]);
    expect(order("gawk")).toEqual([3]);
    expect(order("docs")).toEqual([7]);
    expect(order("tzdata")).toEqual([2 ** 24 + 1]);
  });

  test("each architecture has its own packages, and all have the same releases", async () => {
    const indexes = await openAll();
    expect([...indexes.keys()]).toEqual(["amd64", "arm64"]);
    expect(
      indexes
        .get("arm64")
        ?.byName("curl")
        .map((record) => record.architecture),
    ).toEqual(["arm64"]);
    const releases = indexes.get("amd64")?.releases;
    expect(indexes.get("arm64")?.releases).toEqual(releases);
    expect(releases).toEqual(
      [
        ["debian", "bookworm"],
        ["debian", "bookworm-updates"],
        ["debian-security", "bookworm-security"],
      ].map(([archive, suite]) => ({
        archive,
        suite,
        date: "2025-03-01T11:00:00Z",
        sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      })),
    );
  });

  test("an index that is there only as .xz", async () => {
    const text = `Package: xz-packed
Version: 1.0
Architecture: amd64
Priority: optional
Filename: pool/main/x/xz-packed/xz-packed_1.0_amd64.deb
Size: 100
SHA256: 0000000000000000000000000000000000000000000000000000000000000001
Description: comes from an xz file
`;
    const xz = Buffer.from(
      `/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4AD0AJpdACgYSGbb2jCF/hb0PUfsZwzvujzl239YolcG8jF2CgqteCOBLpaUZIstWpst
Frtc/5yrOvKNt+Vv4oJ4IgYAvGhyaLZbJsi7DwexMSCHFyy+JQamrb1FbtODvrdbaymR8jXZggHeQv73WTYJ1ULCELxzJGS1dYCa
Z+2cDOznrh3P6JQxFdJukfYRef+60ZWmE4+IG1z5EPIEIs0AAAATKum3QU6UbAABtgH1AQAAp4HcgrHEZ/sCAAAAAARZWg==`,
      "base64",
    );
    await archive.publish("bookworm", { packages: { amd64: { xz, text }, arm64: "" } });
    expect((await openOne()).byName("xz-packed")[0]?.description).toBe("comes from an xz file");

    await archive.publish("bookworm", { packages: { amd64: { xz: xz.subarray(0, 150), text }, arm64: "" } });
    expect(await refusal({ now: later(2) })).toMatchObject({ code: "accepted" });
    await rm(join(root, "indexes"), { recursive: true });
    expect(await refusal()).toMatchObject({ code: "DEVENV_ARCHIVE_ALTERED" });
  });
});

describe("what is asked of the network", () => {
  test("nothing within an hour, then only whether there is something new", async () => {
    await openAll();
    archive.requests.length = 0;
    await openAll({ now: later(0.9) });
    expect(archive.requests).toEqual([]);
    await openAll({ now: later(1.1) });
    const asked = ["bookworm-security", "bookworm-updates", "bookworm"].map(
      (s) => `304 dists/${s}/InRelease`,
    );
    expect(archive.requests.sort()).toEqual(asked);
    archive.requests.length = 0;
    await openAll({ now: later(2) });
    expect(archive.requests).toEqual([]);
    await openAll({ now: later(2), refresh: true });
    expect(archive.requests.sort()).toEqual(asked);
  });

  test("with a clock that was set back, the archive is asked", async () => {
    await openAll();
    archive.requests.length = 0;
    await openAll({ now: later(-0.5) });
    expect(archive.requests).toHaveLength(3);
  });

  test("Last-Modified serves where there is no ETag, and without both the same file is known again", async () => {
    archive.validators = "last-modified";
    await openAll();
    archive.requests.length = 0;
    await openAll({ refresh: true });
    expect(archive.requests.filter((request) => request.startsWith("304"))).toHaveLength(3);
    archive.validators = "none";
    archive.requests.length = 0;
    // No key is needed for what was verified before.
    await openAll({ refresh: true, keys: [] });
    expect(archive.requests.filter((request) => request.startsWith("200"))).toHaveLength(3);
  });

  test("a new index replaces the old one, in the store too", async () => {
    await openAll();
    await archive.publish("bookworm", {
      packages: { amd64: stanza("curl", "8"), arm64: "" },
      date: later(1),
    });
    archive.requests.length = 0;
    const index = await openOne({ now: later(1.5) });
    expect(index.byName("curl")[0]?.version).toBe("8");
    expect(archive.requests.filter((request) => request.includes("Packages"))).toHaveLength(2);
    const names = await readdir(join(root, "indexes"));
    expect(names.filter((name) => name.startsWith("bookworm_amd64"))).toHaveLength(1);
  });

  test("an index that is read is in use, which its time says", async () => {
    await openAll();
    const names = await readdir(join(root, "indexes"));
    const file = join(root, "indexes", names.find((name) => name.startsWith("bookworm_amd64")) ?? "");
    await utimes(file, 0, 0);
    await openAll();
    expect((await stat(file)).mtimeMs).toBeGreaterThan(0);
  });

  test("files are fetched by their digest where the archive offers it, else by name", async () => {
    await openAll();
    const of = (suite: string) => archive.requests.filter((request) => request.includes(`/${suite}/main`));
    expect(of("bookworm-security").every((request) => request.includes("/by-hash/SHA256/"))).toBe(true);
    expect(of("bookworm").some((request) => request.includes("by-hash"))).toBe(false);

    for (const path of archive.files.keys()) if (path.includes("by-hash")) archive.files.delete(path);
    await rm(join(root, "indexes"), { recursive: true });
    await openAll();
    expect(of("bookworm-security").at(-1)).toMatch(/^200 .*Packages\.gz$/);
  });

  test("offline: what is in the store, or an error", async () => {
    expect((await refusal({ offline: true })).code).toBe("DEVENV_ARCHIVE_OFFLINE");
    await openAll();
    archive.requests.length = 0;
    expect((await openOne({ offline: true, now: later(24) })).byName("curl")).toHaveLength(2);
    expect((await refusal({ offline: true, now: later(49) })).code).toBe("DEVENV_ARCHIVE_EXPIRED");
    for (const name of await readdir(join(root, "indexes"))) {
      if (name.startsWith("bookworm_arm64")) await rm(join(root, "indexes", name));
    }
    expect((await refusal({ offline: true })).code).toBe("DEVENV_ARCHIVE_OFFLINE");
    expect(archive.requests).toEqual([]);
  });

  test.each([
    ["cut short", async (file: string) => await truncate(file, (await stat(file)).size - 1)],
    ["empty", async (file: string) => await truncate(file, 0)],
    ["of another format", async (file: string) => await patch(file, 8, 99)],
    ["something else", async (file: string) => await patch(file, 0, 0)],
    ["of another Packages file", async (file: string) => await patch(file, 16, 0x55)],
  ])("an index in the store that is %s is made anew", async (_, damage) => {
    await openAll();
    for (const name of await readdir(join(root, "indexes"))) {
      if (name.endsWith(".index")) await damage(join(root, "indexes", name));
    }
    expect((await openOne()).byName("curl")).toHaveLength(2);
    archive.requests.length = 0;
    await openAll();
    expect(archive.requests).toEqual([]);
  });

  test("a release record that is damaged is made anew", async () => {
    await openAll();
    await writeFile(join(root, "indexes", "bookworm.release.json"), '{"format":1,');
    await writeFile(
      join(root, "indexes", "bookworm-updates.release.json"),
      '{"format":1,"indexes":{"amd64":{}}}',
    );
    expect((await openOne()).byName("curl")).toHaveLength(2);
  });

  test("the next mirror is asked, whatever is wrong with the first", async () => {
    const other = await TestArchive.start(await makeKey("Someone else"));
    try {
      await other.publish("bookworm", release);
      const index = await openOne({ mirrors: mirrors("http://127.0.0.1:9", other.url, archive.url) });
      expect(index.byName("curl")).toHaveLength(2);
    } finally {
      await other.stop();
    }
  });

  test("a failure that may pass is tried again", async () => {
    archive.statuses.set("dists/bookworm/InRelease", 503);
    const opening = openOne();
    while (archive.requests.filter((request) => request.startsWith("503")).length === 0) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    archive.statuses.clear();
    expect((await opening).byName("curl")).toHaveLength(2);
  });
});

async function patch(file: string, at: number, byte: number): Promise<void> {
  const content = await readFile(file);
  content[at] = byte;
  await writeFile(file, content);
}

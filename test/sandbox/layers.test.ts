import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { extract, type Header } from "tar-stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DebFile } from "../../src/sandbox/layers.ts";
import { mergedUsrLinks, packLayer, unpackDebs } from "../../src/sandbox/layers.ts";
import { runStoreVerb } from "../../src/sandbox/store-verb.ts";
import { arOf, controlOf, debOf, sha256Of, type TarEntry, tarOf } from "../support/archives.ts";

const epoch = 1_700_000_000;
let store: string;
let count = 0;

beforeAll(() => {
  process.umask(0o022);
  store = mkdtempSync(join(tmpdir(), "devenv-layers-"));
  chmodSync(store, 0o755);
});

afterAll(async () => {
  await runStoreVerb("remove", store, readdirSync(store));
  rmSync(store, { recursive: true });
});

describe("unpackDebs", () => {
  test("leaves dpkg's database as dpkg itself leaves it, for each compression", async () => {
    const tree = join(store, fresh("tree"));
    const packages = (["xz", "gzip", "zstd", "none"] as const).map((compression) =>
      buildPackage(tree, compression),
    );
    const byDpkg = join(tree, "by-dpkg");
    for (const directory of ["info", "updates", "triggers"])
      mkdirSync(join(byDpkg, "var/lib/dpkg", directory), { recursive: true });
    writeFileSync(join(byDpkg, "var/lib/dpkg/status"), "");
    dpkg(`--root=${byDpkg}`, "--unpack", ...packages.map(({ file }) => file));

    const root = fresh("root");
    await unpackDebs({
      store,
      root,
      symlinks: [],
      debs: packages.map(({ name, architecture, file }) => deb(name, readFileSync(file), architecture)),
    });
    const bySandbox = join(store, root);

    const ours = databaseOf(bySandbox);
    expect(stanzas(ours.get("status")).sort()).toEqual(stanzas(databaseOf(byDpkg).get("status")).sort());
    const state = new Set(["status", "status-old"]);
    const comparable = (database: Map<string, string>): [string, string][] =>
      [...database].filter(([name]) => !state.has(name)).sort();
    expect(comparable(ours)).toEqual(comparable(databaseOf(byDpkg)));
    expect(comparable(ours).map(([name]) => name)).toContain("info/with-xz:amd64.triggers");
    expect(readFileSync(join(bySandbox, "etc/with-xz.conf.dpkg-new"), "utf8")).toBe("setting\n");
    expect(ours.get("triggers/File")).toBe(
      ["xz", "gzip", "zstd", "none"]
        .map((compression) => `/usr/share/with-${compression} with-${compression}:amd64/noawait\n`)
        .join(""),
    );
  });

  test("makes every kind of entry, with owner, mode, time, long names and attributes", async () => {
    const long = `./${"directory/".repeat(14)}`;
    const above = Array.from({ length: 14 }, (_, i) => ({
      name: `./${"directory/".repeat(i + 1)}`,
      type: "5",
    }));
    const entries = await entriesAfter([
      { name: "./bin/", type: "5" },
      { name: "./bin/su", content: "su", mode: 0o4755, gid: 42, mtime: 1_500_000_000 },
      { name: "./bin/link", type: "2", link: "su", uid: 7 },
      { name: "./bin/same", type: "1", link: "./bin/su" },
      { name: "./bin/pipe", type: "6", mode: 0o600 },
      { name: "./private/", type: "5", mode: 0o2770, uid: 33, gid: 34, mtime: 1_400_000_000 },
      { name: "./big", content: Buffer.alloc(700_001, "x") },
      ...above.slice(0, 8),
      ...above.slice(8).map((entry) => ({ ...entry, name: "./short", pax: { path: entry.name } })),
      {
        name: "./short",
        content: "deep",
        pax: { path: `${long}file`, mtime: "1450000000.75", "SCHILY.xattr.user.mark": "1" },
      },
    ]);
    const at = (name: string): Header | undefined => entries.get(name)?.header;
    expect(at("bin/su")).toMatchObject({ type: "link", linkname: "bin/same" });
    expect(at("bin/same")).toMatchObject({ type: "file", mode: 0o4755, uid: 0, gid: 42, size: 2 });
    expect(at("bin/same")?.mtime).toEqual(new Date(1_500_000_000_000));
    expect(at("bin/link")).toMatchObject({ type: "symlink", linkname: "su", uid: 7 });
    expect(at("bin/pipe")).toMatchObject({ type: "fifo", mode: 0o600 });
    expect(at("private/")).toMatchObject({ type: "directory", mode: 0o2770, uid: 33, gid: 34 });
    expect(at("private/")?.mtime).toEqual(new Date(1_400_000_000_000));
    expect(entries.get("big")?.content).toEqual(Buffer.alloc(700_001, "x"));
    const deep = entries.get(`${long.slice(2)}file`);
    expect(deep?.content.toString()).toBe("deep");
    expect(deep?.header.mtime).toEqual(new Date(1_450_000_000_000));
    expect(deep?.header.pax).toMatchObject({ "SCHILY.xattr.user.mark": "1" });
  });

  test("keeps the links of a merged /usr and puts below them what packages ship in /bin and /lib", async () => {
    const root = fresh("root");
    const symlinks = mergedUsrLinks("amd64");
    await unpackDebs({
      store,
      root,
      symlinks,
      debs: [
        deb(
          "first",
          debOf("first", [
            { name: "./bin/", type: "5", mode: 0o775 },
            { name: "./bin/a", content: "a" },
            { name: "./lib64", type: "2", link: "usr/lib64" },
          ]),
        ),
        deb(
          "second",
          debOf("second", [
            { name: "./usr/", type: "5" },
            { name: "./usr/bin/", type: "5", mode: 0o700 },
            { name: "./usr/bin/b", content: "b" },
          ]),
        ),
      ],
    });
    const path = join(store, root);
    for (const [link, target] of symlinks) expect(readlinkSync(join(path, link))).toBe(target);
    expect(readdirSync(join(path, "usr/bin"))).toEqual(["a", "b"]);
    expect(statSync(join(path, "usr/bin")).mode & 0o7777).toBe(0o775);
  });

  test("gives everyone everywhere the same layer: whoever changes this digest changes every lock", async () => {
    const before = process.umask(0o077);
    const root = fresh("root");
    await unpackDebs({
      store,
      root,
      symlinks: mergedUsrLinks("arm64"),
      debs: [
        deb(
          "one",
          debOf(
            "one",
            [
              { name: "./etc/", type: "5" },
              { name: "./etc/one", content: "1", uid: 3, gid: 65_534 },
              { name: "./home/", type: "5", uid: 1000, gid: 1000, mode: 0o700, mtime: epoch + 5 },
            ],
            { conffiles: "/etc/one\n", triggers: "interest x\n", preinst: "#!/bin/sh\n" },
          ),
        ),
      ],
    });
    process.umask(before);
    const { diffID } = await packLayer({ store, root, epoch });
    expect(diffID).toBe("sha256:dc6898e8de9ebe22ac362b10f111f1db31c0913600c9b2ce33ad8614ce009d48");
  });

  test("gives the same tree whatever the order in which the packages are done", async () => {
    const debs = Array.from({ length: 30 }, (_, i) =>
      deb(
        `package-${i}`,
        debOf(`package-${i}`, [
          { name: "./shared/", type: "5", mode: 0o700 + (i % 8), mtime: 1_300_000_000 + i },
          { name: `./shared/${i}`, content: "x".repeat((i * 7919) % 5000) },
        ]),
      ),
    );
    const digests = new Set<string>();
    for (let i = 0; i < 5; i++) {
      const root = fresh("root");
      await unpackDebs({ store, root, symlinks: [], debs });
      digests.add((await packLayer({ store, root, epoch })).diffID);
    }
    expect(digests.size).toBe(1);
  });
});

describe("a hostile .deb", () => {
  const outside = "outside";
  const valid = [{ name: "debian-binary", data: Buffer.from("2.0\n") }] as const;
  const control = { name: "control.tar", data: tarOf([{ name: "./control", content: controlOf("bad") }]) };
  const huge = Buffer.from([0x80, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);

  beforeAll(() => {
    mkdirSync(join(store, outside));
    writeFileSync(join(store, outside, "file"), "untouched");
  });

  const trees: [what: string, entries: TarEntry[], message: RegExp][] = [
    ["a name with ..", [{ name: "./a/../../outside/x" }], /a\/\.\.\/\.\.\/outside\/x.*"\.\."/],
    ["an absolute name", [{ name: "/etc/x" }], /\/etc\/x: an absolute path/],
    ["a hard link with ..", [{ name: "./h", type: "1", link: "../outside/file" }], /h: .*"\.\."/],
    ["a hard link to an absolute name", [{ name: "./h", type: "1", link: "/etc/passwd" }], /h: .*absolute/],
    [
      "a hard link through a link that leads out",
      [
        { name: "./out", type: "2", link: "../outside" },
        { name: "./h", type: "1", link: "./out/file" },
      ],
      /\/out\/file: its directory cannot be opened/,
    ],
    [
      "a file through a link that leads out",
      [
        { name: "./out", type: "2", link: "../outside" },
        { name: "./out/x", content: "x" },
      ],
      /\/out\/x: its directory cannot be opened/,
    ],
    [
      "a file through an absolute link",
      [
        { name: "./out", type: "2", link: "/outside" },
        { name: "./out/x", content: "x" },
      ],
      /\/out\/x: its directory cannot be opened/,
    ],
    [
      "a directory in the place of a link",
      [
        { name: "./out", type: "2", link: "../outside" },
        { name: "./out/", type: "5" },
      ],
      /\/out: is a directory here and something else/,
    ],
    [
      "a file over a link",
      [
        { name: "./out", type: "2", link: "../outside/file" },
        { name: "./out", content: "x" },
      ],
      /\/out: is there already/,
    ],
    ["a character device", [{ name: "./dev", type: "3" }], /\/dev: a device node is refused/],
    ["a block device", [{ name: "./dev", type: "4" }], /\/dev: a device node is refused/],
    ["an unknown type", [{ name: "./s", type: "S" }], /s: an entry of type 'S'/],
    ["a negative size", [{ name: "./n", size: Buffer.alloc(12, 0xff) }], /a negative size/],
    ["a size that is no number", [{ name: "./n", size: "12x" }], /the size in a header is not a number/],
    ["a size beyond everything", [{ name: "./n", size: huge }], /n: (a size of|the archive ends)/],
    ["a size beyond the archive", [{ name: "./n", size: "77777777777" }], /n: the archive ends/],
    ["a link with content", [{ name: "./l", type: "2", link: "x", content: "y" }], /l: only a file/],
    ["a link without a target", [{ name: "./l", type: "2" }], /l: a link without a target/],
    ["a wrong checksum", [{ name: "./c", brokenChecksum: true }], /c: the header's checksum/],
    ["a name too long", [{ name: "./n", pax: { path: "n".repeat(300) } }], /name longer than 255/],
    ["a path too long", [{ name: "./n", pax: { path: "dir/".repeat(1100) } }], /path longer than/],
    ["a line break in a name", [{ name: "./a\nb" }], /a\nb: a name with a line break/],
    ["a pax path that leaves", [{ name: "./n", pax: { path: "../outside/x" } }], /"\.\."/],
    ["a pax size that is no number", [{ name: "./n", pax: { size: "-1" } }], /size=-1/],
    [
      "a privileged attribute",
      [{ name: "./n", pax: { "SCHILY.xattr.trusted.x": "1" } }],
      /\/n: .*trusted\.x/,
    ],
    [
      "an overlay mark",
      [{ name: "./n", pax: { "SCHILY.xattr.user.overlay.opaque": "y" } }],
      /user\.overlay\.opaque/,
    ],
    ["a sparse file", [{ name: "./n", pax: { "GNU.sparse.major": "1" } }], /sparse/],
    ["a missing directory", [{ name: "./no/file" }], /\/no\/file: its directory cannot be opened/],
    ["a root that is a file", [{ name: "./.", content: "x" }], /root of the archive/],
  ];

  test.each(trees)("with %s is refused, and the message names it", async (_, entries, message) => {
    const root = fresh("root");
    const attempt = unpackDebs({ store, root, symlinks: [], debs: [deb("bad", debOf("bad", entries))] });
    await expect(attempt).rejects.toMatchObject({
      code: "DEVENV_UNPACK_FAILED",
      message: expect.stringMatching(message),
    });
    await expect(attempt).rejects.toThrow(/^bad: data\.tar: /);
    expect(readdirSync(join(store, outside))).toEqual(["file"]);
    expect(readFileSync(join(store, outside, "file"), "utf8")).toBe("untouched");
    expect(lstatSync(join(store, outside, "file")).nlink).toBe(1);
  });

  const data = { name: "data.tar", data: tarOf([{ name: "./", type: "5" }]) };
  const files: [what: string, file: Buffer, message: RegExp][] = [
    ["that is empty", Buffer.alloc(0), /ar signature/],
    ["of another format", Buffer.from("PK\u0003\u0004"), /ar signature/],
    ["whose first member is another", arOf([control, ...valid, data]), /first member is "control\.tar"/],
    [
      "of another version",
      arOf([{ name: "debian-binary", data: Buffer.from("3.0\n") }, control, data]),
      /version/,
    ],
    ["without control", arOf([...valid, data]), /"data\.tar" stands where control\.tar/],
    ["without data", arOf([...valid, control]), /ar member is missing/],
    ["with a negative ar size", arOf([...valid, { ...control, size: "-5" }]), /control\.tar: the size/],
    [
      "with a huge ar size",
      arOf([...valid, { ...control, size: "9999999999" }]),
      /control\.tar: the package is cut off/,
    ],
    ["with a broken ar header", arOf([...valid, { ...control, magic: "xx" }]), /ar header at byte/],
    [
      "with an unknown compression",
      arOf([...valid, { ...control, name: "control.tar.bz2" }]),
      /bz2: this compression/,
    ],
    [
      "with damaged xz",
      arOf([...valid, { name: "control.tar.xz", data: Buffer.from("nonsense, and more of it") }, data]),
      /xz data is damaged/,
    ],
    [
      "with damaged zstd",
      arOf([...valid, { name: "control.tar.zst", data: Buffer.from("nonsense") }, data]),
      /zstd data is damaged/,
    ],
    [
      "with damaged gzip",
      arOf([...valid, { name: "control.tar.gz", data: Buffer.alloc(40, 7) }, data]),
      /gzip data is damaged/,
    ],
    [
      "cut off in its tar",
      arOf([...valid, control, { name: "data.tar", data: data.data.subarray(0, 700) }]),
      /data\.tar: the archive/,
    ],
    [
      "whose tar has no end",
      arOf([
        ...valid,
        control,
        { name: "data.tar", data: tarOf([{ name: "./", type: "5" }], { endMark: false }) },
      ]),
      /no end mark/,
    ],
    ["with another name inside", debOf("other", []), /control: the package is not bad/],
    ["with a script outside info", debOf("bad", [], { "../../../outside/x": "x" }), /"\.\."/],
    ["with its own list", debOf("bad", [], { list: "/etc/passwd\n" }), /list: this name belongs to dpkg/],
    [
      "with two stanzas",
      debOf("bad", [], { control: `${controlOf("bad")}\n${controlOf("other")}` }),
      /more than one stanza/,
    ],
    [
      "with its own status",
      debOf("bad", [], { control: controlOf("bad", "Status: install ok installed\n") }),
      /field Status is refused/,
    ],
    [
      "with a trigger that is a path",
      debOf("bad", [], { triggers: "interest ../x\n" }),
      /trigger name "\.\.\/x"/,
    ],
    [
      "with an unknown trigger directive",
      debOf("bad", [], { triggers: "explode x\n" }),
      /unknown directive "explode"/,
    ],
    [
      "with a relative configuration file",
      debOf("bad", [], { conffiles: "etc/x\n" }),
      /"etc\/x" is not an absolute/,
    ],
    [
      "whose configuration file is a link",
      debOf("bad", [{ name: "./x", type: "2", link: "y" }], { conffiles: "/x\n" }),
      /\/x: a configuration file that is not a file/,
    ],
  ];

  test.each(files)("%s is refused, and the message says why", async (_, file, message) => {
    const attempt = unpackDebs({ store, root: fresh("root"), symlinks: [], debs: [deb("bad", file)] });
    await expect(attempt).rejects.toMatchObject({
      code: "DEVENV_UNPACK_FAILED",
      message: expect.stringMatching(message),
    });
    await expect(attempt).rejects.toThrow(/^bad: /);
  });

  test("is refused when its digest is not the locked one", async () => {
    const file = deb("bad", debOf("bad", []));
    const attempt = unpackDebs({
      store,
      root: fresh("root"),
      symlinks: [],
      debs: [{ ...file, sha256: "0".repeat(64) }],
    });
    await expect(attempt).rejects.toThrow(/not 0{64} as locked/);
  });

  test("is refused when two packages ship the same file", async () => {
    const debs = ["one", "two"].map((name) => deb(name, debOf(name, [{ name: "./same", content: name }])));
    const attempt = unpackDebs({ store, root: fresh("root"), symlinks: [], debs });
    await expect(attempt).rejects.toThrow(/\/same: is there already, from this or another package/);
  });

  test("cannot be reached through a link in the store", async () => {
    symlinkSync(join(store, outside), join(store, "a-link"));
    const attempt = unpackDebs({ store, root: "a-link/root", symlinks: [], debs: [] });
    await expect(attempt).rejects.toThrow(/a-link cannot be opened in the store/);
  });
});

describe("packLayer", () => {
  test("writes the layer of an overlay's upper directory, and hashes what it writes", async () => {
    const root = fresh("upper");
    const path = join(store, root);
    mkdirSync(join(path, "opaque"), { recursive: true });
    writeFileSync(join(path, "opaque", "new"), "new");
    writeFileSync(join(path, "b"), "b");
    linkSync(join(path, "b"), join(path, "a"));
    mkdirSync(join(path, "b.d"));
    symlinkSync("x".repeat(150), join(path, "long-link"));
    utimesSync(join(path, "b"), 1_600_000_000.5, 1_600_000_000.5);
    writeFileSync(join(path, "attributes"), "");
    execFileSync("mknod", [join(path, "removed"), "c", "0", "0"]);
    setAttributes(join(path, "opaque"), { "user.overlay.opaque": "y", "user.overlay.impure": "y" });
    setAttributes(join(path, "attributes"), { "user.z": "2", "user.a": "1", "user.overlay.origin": "?" });

    const { entries, diffID, size } = await pack(root);
    expect([...entries.keys()]).toEqual([
      "./",
      "a",
      "attributes",
      "b",
      "b.d/",
      "long-link",
      "opaque/",
      "opaque/.wh..wh..opq",
      "opaque/new",
      ".wh.removed",
    ]);
    expect(entries.get("a")?.content.toString()).toBe("b");
    expect(entries.get("a")?.header.mtime).toEqual(new Date(1_600_000_000_000));
    expect(entries.get("b")?.header).toMatchObject({ type: "link", linkname: "a", size: 0 });
    expect(entries.get("opaque/new")?.header.mtime).toEqual(new Date(epoch * 1000));
    expect(entries.get("long-link")?.header.linkname).toBe("x".repeat(150));
    expect(Object.entries(entries.get("attributes")?.header.pax ?? {})).toEqual([
      ["SCHILY.xattr.user.a", "1"],
      ["SCHILY.xattr.user.z", "2"],
    ]);
    expect(entries.get("opaque/")?.header.pax).toBeNull();

    expect(statSync(join(path, "opaque/new")).mtimeMs).toBe(epoch * 1000);
    expect(statSync(path).mtimeMs).toBe(epoch * 1000);
    expect(lstatSync(join(path, "long-link")).mtimeMs).toBe(epoch * 1000);
    expect(statSync(join(path, "a")).mtimeMs).toBe(1_600_000_000_000);
    expect(await packLayer({ store, root, epoch })).toEqual({ diffID, size });
  });

  test("is read by GNU tar without a word", async () => {
    const root = fresh("upper");
    mkdirSync(join(store, root, "d".repeat(120)), { recursive: true });
    writeFileSync(join(store, root, "d".repeat(120), "ü"), "content");
    const { file } = await pack(root);
    const { status, stdout, stderr } = spawnSync("tar", ["tf", file], {
      encoding: "utf8",
      env: { LC_ALL: "C.UTF-8", PATH: process.env.PATH },
    });
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout.split("\n")).toContain(`${"d".repeat(120)}/ü`);
  });

  test("removes sockets, which no archive can hold", async () => {
    const root = fresh("upper");
    mkdirSync(join(store, root));
    const server = createServer().listen(join(store, root, "s"));
    await new Promise((resolve) => server.once("listening", resolve));
    expect([...(await pack(root)).entries.keys()]).toEqual(["./"]);
    expect(readdirSync(join(store, root))).toEqual([]);
    server.close();
  });

  test("refuses a name that would mean a removed file", async () => {
    const root = fresh("upper");
    mkdirSync(join(store, root));
    writeFileSync(join(store, root, ".wh.x"), "");
    const attempt = packLayer({ store, root, epoch });
    await expect(attempt).rejects.toMatchObject({
      code: "DEVENV_PACK_FAILED",
      message: expect.stringMatching(/^\/\.wh\.x: /),
    });
  });

  test("says which directory of the store is not there", async () => {
    await expect(packLayer({ store, root: "missing", epoch })).rejects.toThrow(
      /missing cannot be opened in the store/,
    );
  });
});

function fresh(kind: string): string {
  count += 1;
  return `${kind}-${count}`;
}

/** Puts a .deb into the store. */
function deb(name: string, data: Buffer, architecture = "all"): DebFile {
  const file = fresh("deb");
  writeFileSync(join(store, file), data);
  return { name, architecture, sha256: sha256Of(data), file };
}

interface Entry {
  readonly header: Header;
  readonly content: Buffer;
}

/** Unpacks one package with these entries and reads them back from the layer. */
async function entriesAfter(entries: readonly TarEntry[]): Promise<Map<string, Entry>> {
  const root = fresh("root");
  await unpackDebs({ store, root, symlinks: [], debs: [deb("one", debOf("one", entries))] });
  return (await pack(root)).entries;
}

async function pack(
  root: string,
): Promise<{ entries: Map<string, Entry>; file: string; diffID: string; size: number }> {
  const file = join(store, fresh("tar"));
  const descriptor = openSync(file, "w");
  const { diffID, size } = await packLayer({ store, root, epoch, output: descriptor });
  closeSync(descriptor);
  const data = readFileSync(file);
  expect([diffID, size]).toEqual([`sha256:${sha256Of(data)}`, data.length]);

  const entries = new Map<string, Entry>();
  const reader = extract();
  reader.end(data);
  for await (const entry of reader) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    // The reader takes the slash off a directory's name.
    const { name, type } = entry.header;
    entries.set(type === "directory" && !name.endsWith("/") ? `${name}/` : name, {
      header: entry.header,
      content: Buffer.concat(chunks),
    });
  }
  return { entries, file, diffID, size };
}

function dpkg(...words: string[]): void {
  execFileSync(
    "unshare",
    ["--map-root-user", "--user", "dpkg", "--force-not-root", "--log=/dev/null", ...words],
    { stdio: "pipe" },
  );
}

/** A package with everything that dpkg writes down: scripts, triggers, configuration files, no sums of its own. */
function buildPackage(
  tree: string,
  compression: string,
): { name: string; architecture: string; file: string } {
  const name = `with-${compression}`;
  const root = join(tree, name);
  for (const directory of ["DEBIAN", "etc", `usr/share/${name}/empty`])
    mkdirSync(join(root, directory), { recursive: true });
  const write = (file: string, text: string, mode = 0o644): void => {
    writeFileSync(join(root, file), text);
    chmodSync(join(root, file), mode);
  };
  write(
    "DEBIAN/control",
    [
      `Package: ${name}`,
      "Version: 1:2.0-3",
      "Architecture: amd64",
      "Multi-Arch: same",
      "Maintainer: Nobody <nobody@example.org>",
      "Depends: libc6 (>= 2.2)",
      "X-Unknown: kept",
      "Description: short",
      " long",
      " .",
      " more",
      "",
    ].join("\n"),
  );
  write("DEBIAN/conffiles", `/etc/${name}.conf\n/etc/${name}.empty\nremove-on-upgrade /etc/${name}.old\n`);
  write(
    "DEBIAN/triggers",
    `# comment\ninterest-noawait /usr/share/${name}\ninterest common\nactivate-noawait ldconfig\n`,
  );
  write("DEBIAN/postinst", "#!/bin/sh\nexit 0\n", 0o755);
  write("DEBIAN/shlibs", "libx 1 x\n");
  write(`etc/${name}.conf`, "setting\n");
  write(`etc/${name}.empty`, "");
  write(`usr/share/${name}/file`, "content\n");
  linkSync(join(root, `usr/share/${name}/file`), join(root, `usr/share/${name}/same`));
  symlinkSync("file", join(root, `usr/share/${name}/link`));
  const file = join(tree, `${name}.deb`);
  execFileSync("dpkg-deb", ["--root-owner-group", `-Z${compression}`, "--build", root, file], {
    stdio: "pipe",
  });
  return { name, architecture: "amd64", file };
}

function databaseOf(root: string): Map<string, string> {
  const directory = join(root, "var/lib/dpkg");
  const names = readdirSync(directory, { recursive: true, encoding: "utf8" });
  return new Map(
    names
      .filter(
        (name) =>
          lstatSync(join(directory, name)).isFile() && !/^lock/.test(name) && name !== "triggers/Lock",
      )
      .map((name) => [name, readFileSync(join(directory, name), "utf8")]),
  );
}

/** dpkg writes the fields in its own order; what they say is the same. */
function stanzas(status: string | undefined): string[][] {
  return (status ?? "")
    .split("\n\n")
    .filter((stanza) => stanza !== "")
    .map((stanza) =>
      stanza
        .split(/\n(?! )/)
        .map((field) => field.trimEnd())
        .sort(),
    );
}

function setAttributes(path: string, attributes: Readonly<Record<string, string>>): void {
  const script =
    "import os,sys\nfor i in range(2, len(sys.argv), 2): os.setxattr(sys.argv[1], sys.argv[i], sys.argv[i+1].encode())";
  execFileSync("python3", ["-c", script, path, ...Object.entries(attributes).flat()]);
}

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { factsOfBootstrap } from "../../../src/sources/base-facts.ts";
import { readBaseFacts } from "../../../src/sources/registry/index.ts";
import { archiveEntries } from "../../../src/sources/registry/layer-archive.ts";
import { openStore, type Store } from "../../../src/store/index.ts";
import { type TarEntry, tarOf } from "../../support/archives.ts";
import { sha256 } from "./content.ts";
import { answer, type FakeRegistry, fakeRegistries, testClient } from "./fake-registry.ts";

const release =
  'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nID=debian\n';
const status = "Package: dpkg\nStatus: install ok installed\n";

const osRelease: readonly TarEntry[] = [
  { name: "etc/os-release", type: "2", link: "../usr/lib/os-release" },
  { name: "usr/lib/os-release", content: release },
];
const loader: TarEntry = { name: "usr/lib64/ld-linux-x86-64.so.2", content: "ELF" };
const list = (content = status): TarEntry => ({ name: "var/lib/dpkg/status", content });

/** A layer as its registry has it. */
interface Layer {
  readonly bytes: Buffer;
  readonly compression: "none" | "gzip" | "zstd";
  /** What is announced, where that is a lie. */
  readonly digest?: `sha256:${string}`;
}

const plain = (...entries: TarEntry[]): Layer => ({ bytes: tarOf(entries), compression: "none" });
const zstd = (data: Buffer): Buffer => execFileSync("zstd", ["-q", "-c"], { input: data });

let directory: string;
let store: Store;
let fake: FakeRegistry | undefined;
const start = fakeRegistries();

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "devenv-facts-"));
});
afterAll(() => {
  rmSync(directory, { recursive: true });
});

/** Looks into an image, with a store of its own unless one is given; the lowest layer first. */
async function look(layers: readonly Layer[], inStore?: Store) {
  store = inStore ?? (await openStore(mkdtempSync(join(directory, "store-"))));
  const described = layers.map(({ bytes, compression, digest = sha256(bytes) }) => ({
    digest,
    size: bytes.length,
    compression,
    diffID: digest,
  }));
  const blobs = new Map(layers.map(({ bytes }, index) => [described[index]?.digest, bytes]));
  fake = await start(({ url = "" }, response) => {
    const bytes = blobs.get(url.split("/").at(-1) as `sha256:${string}`);
    if (bytes === undefined) answer(response, 404);
    else answer(response, 200, { "content-length": bytes.length }, bytes);
  });
  const { name, repository } = fake;
  const image = { client: testClient(), repository, reference: `${name}/acme/tool:1`, layers: described };
  return await readBaseFacts(store, image);
}

const blobsAsked = (): number => fake?.seen.length ?? 0;

describe("what an image is", () => {
  test("is read from its os-release through the usual link, dpkg's list and its loader", async () => {
    expect(await look([plain(...osRelease, loader, list())])).toEqual({
      distribution: "debian",
      version: "12",
      codename: "bookworm",
      libc: "glibc",
      status,
    });
  });

  test.each([
    ["gzip", (tar: Buffer) => gzipSync(tar)],
    ["gzip", (tar: Buffer) => Buffer.concat([gzipSync(tar.subarray(0, 700)), gzipSync(tar.subarray(700))])],
    ["zstd", zstd],
    ["zstd", (tar: Buffer) => Buffer.concat([zstd(tar.subarray(0, 700)), zstd(tar.subarray(700))])],
  ] as const)("is read from layers packed with %s, also of several pieces", async (compression, pack) => {
    const filler = Array.from({ length: 50 }, (_, number): TarEntry => {
      return { name: `srv/${number}`, content: Buffer.alloc(10_000, `${number} `) };
    });
    const bytes = pack(tarOf([...filler, ...osRelease, loader, list()]));
    expect(await look([{ bytes, compression }])).toMatchObject({ codename: "bookworm", status });
  });

  test("is that of the uppermost layer that has it, and no layer below is asked for", async () => {
    const old = plain({ name: "etc/os-release", content: "ID=old\n" }, list("Package: old\n"));
    expect(
      await look([old, plain(...osRelease, loader, list()), plain(list("Package: new\n"))]),
    ).toMatchObject({
      distribution: "debian",
      status: "Package: new\n",
    });
    expect(blobsAsked()).toBe(2);
  });

  test("is known the second time, without the registry", async () => {
    const layers = [plain(...osRelease, loader), plain(list())];
    const facts = await look(layers);
    expect(blobsAsked()).toBe(2);
    expect(await look(layers, store)).toEqual(facts);
    expect(blobsAsked()).toBe(0);
  });

  test("is read again when what is kept of it is damaged or of another format", async () => {
    const layers = [plain(...osRelease, loader, list())];
    const facts = await look(layers);
    const [file = ""] = readdirSync(join(store.root, "facts"));
    const path = join(store.root, "facts", file);
    for (const text of ["", "{}", readFileSync(path, "utf8").replace('"factsFormat":1', '"factsFormat":0')]) {
      writeFileSync(path, text);
      expect(await look(layers, store)).toEqual(facts);
      expect(blobsAsked()).toBe(1);
    }
  });

  test.each<[string, string, object]>([
    [
      "single quotes, blanks and comments",
      "# ID=no\nID='a b'\n  VERSION_ID=1 \n",
      { distribution: "a b", version: "1" },
    ],
    ["escapes", 'ID="a\\"\\$b"\n', { distribution: 'a"$b' }],
    ["no codename", "ID=alpine\nVERSION_ID=3.20.3\n", { version: "3.20.3", codename: "" }],
  ])("os-release with %s", async (_, content, expected) => {
    expect(await look([plain({ name: "etc/os-release", content })])).toMatchObject(expected);
  });

  test("an image without any of it is of no distribution", async () => {
    expect(await look([plain({ name: "srv/" })])).toEqual({
      distribution: "",
      version: "",
      codename: "",
      libc: "unknown",
    });
  });

  test.each<[string, string, readonly TarEntry[]]>([
    ["musl", "musl", [{ name: "lib/ld-musl-x86_64.so.1" }]],
    ["glibc for arm64", "glibc", [{ name: "lib/aarch64-linux-gnu/ld-linux-aarch64.so.1" }]],
    ["musl as a package", "glibc", [loader, { name: "lib/ld-musl-x86_64.so.1" }, list()]],
    [
      "glibc as a package",
      "musl",
      [loader, { name: "lib/ld-musl-x86_64.so.1" }, { name: "lib/apk/db/installed" }],
    ],
  ])("whose programs it runs: %s", async (_, libc, entries) => {
    expect(await look([plain(...osRelease, ...entries)])).toMatchObject({ libc });
  });

  test("distroless images list each package in a file", async () => {
    const entries = ["base", "base.md5sums", "libc6"].map(
      (name): TarEntry => ({ name: `./var/lib/dpkg/status.d/${name}`, content: `Package: ${name}\n` }),
    );
    const upper = plain({ name: "var/lib/dpkg/status.d/tzdata", content: "Package: tzdata\n\n" });
    expect((await look([plain(...osRelease, ...entries), upper])).status).toBe(
      "Package: base\n\nPackage: libc6\n\nPackage: tzdata\n\n",
    );
  });

  test("a bootstrapped base says as much without being there", () => {
    expect(factsOfBootstrap("trixie")).toEqual({
      distribution: "debian",
      version: "13",
      codename: "trixie",
      libc: "glibc",
    });
  });
});

describe("layers on top of each other", () => {
  const base = plain(...osRelease, loader, list());
  const gone = { name: "etc/hidden" };

  test.each<[string, readonly TarEntry[], string | undefined]>([
    ["nothing of it", [gone], status],
    ["the file removed", [{ name: "var/lib/dpkg/.wh.status" }], undefined],
    ["a directory above removed", [{ name: "var/.wh.lib" }], undefined],
    ["its directory made anew", [{ name: "var/lib/dpkg/.wh..wh..opq" }], undefined],
    ["all made anew", [{ name: ".wh..wh..opq" }], undefined],
    ["another directory made anew", [{ name: "var/lib/apt/.wh..wh..opq" }], status],
    ["a file in place of a directory", [{ name: "var/lib", content: "" }], undefined],
    ["a directory in place of the file", [{ name: "var/lib/dpkg/status", type: "5" }], undefined],
    ["a directory that is there already", [{ name: "var/lib/dpkg", type: "5" }], status],
    ["another file and the old one removed", [list("new\n"), { name: "var/lib/dpkg/.wh.status" }], "new\n"],
    ["the same the other way round", [{ name: "var/lib/dpkg/.wh..wh..opq" }, list("new\n")], "new\n"],
  ])("%s", async (_, entries, expected) => {
    expect((await look([base, plain(...entries)])).status).toBe(expected);
  });

  test.each<[string, TarEntry]>([
    ["a relative one", { name: "etc/os-release", type: "2", link: "../usr/lib/os-release" }],
    ["an absolute one", { name: "etc/os-release", type: "2", link: "/usr/lib/os-release" }],
    ["one out of the root", { name: "etc/os-release", type: "2", link: "../../../usr/lib/os-release" }],
    ["one of a directory", { name: "etc", type: "2", link: "usr/lib" }],
    ["a hard link", { name: "etc/os-release", type: "1", link: "./usr/lib/os-release" }],
  ])("a link to the file: %s", async (_, entry) => {
    const lower = plain({ name: "etc/os-release", content: "ID=lower\n" });
    const upper = plain({ name: "usr/lib/os-release", content: release }, entry);
    expect(await look([lower, upper])).toMatchObject({ distribution: "debian" });
  });

  test.each<[string, TarEntry]>([
    ["to a file elsewhere", { name: "etc/os-release", type: "2", link: "/proc/version" }],
    ["to itself", { name: "etc/os-release", type: "2", link: "os-release" }],
    ["that goes round", { name: "etc", type: "2", link: "etc/etc" }],
    ["to nothing, a hard one", { name: "etc/os-release", type: "1", link: "etc/shadow" }],
  ])("a link that leads nowhere: %s", async (_, entry) => {
    const lower = plain({ name: "etc/os-release", content: "ID=lower\n" });
    expect(await look([lower, plain(entry)])).toMatchObject({ distribution: "" });
  });

  test("a link leads through the layers", async () => {
    const upper = plain({ name: "var/lib/dpkg", type: "2", link: "/usr/lib/sysimage/dpkg" });
    expect((await look([base, upper])).status).toBeUndefined();
    expect((await look([plain(loader, list()), plain(...osRelease)])).status).toBe(status);
  });

  test("a later entry replaces an earlier one", async () => {
    const twice = plain(...osRelease, list("first\n"), list("second\n"));
    expect((await look([twice])).status).toBe("second\n");
    const hidden = plain(...osRelease, list(), { name: "var/lib/dpkg", content: "a file" });
    expect((await look([hidden])).status).toBeUndefined();
  });
});

describe("hostile layers", () => {
  const failure = async (layer: Layer): Promise<{ code: string; message: string }> => {
    const error = await look([layer]).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(readdirSync(join(store.root, "facts"))).toEqual([]);
    expect(error).toMatchObject({ code: expect.any(String) });
    return error as { code: string; message: string };
  };
  const good = tarOf([...osRelease, loader, list()]);

  test("whose digest is another are not believed, and nothing of them is kept", async () => {
    for (const compression of ["none", "gzip", "zstd"] as const) {
      const bytes = { none: good, gzip: gzipSync(good), zstd: zstd(good) }[compression];
      const layer: Layer = { bytes, compression, digest: sha256(Buffer.from("another")) };
      expect(await failure(layer)).toMatchObject({ code: "DEVENV_REGISTRY_DIGEST" });
    }
  });

  test.each<[string, Layer]>([
    ["no archive", { bytes: Buffer.alloc(2048, "x"), compression: "none" }],
    ["gzip that is cut off", { bytes: gzipSync(good).subarray(0, -9), compression: "gzip" }],
    ["another compression", { bytes: zstd(good), compression: "gzip" }],
    ["zstd that is cut off", { bytes: zstd(good).subarray(0, -3), compression: "zstd" }],
    ["zstd that is none", { bytes: Buffer.alloc(100, "x"), compression: "zstd" }],
    ["an archive that is cut off", { bytes: good.subarray(0, 700), compression: "none" }],
    ["a wrong checksum", plain({ ...list(), brokenChecksum: true })],
    ["a size that is none", plain({ ...list(), size: Buffer.from([0x81, ...Array(11).fill(0)]) })],
    ["a negative size", plain({ ...list(), size: Buffer.alloc(12, 0xff) })],
    ["a list larger than any", plain({ ...list(), size: "00300000000" })],
    ["an os-release larger than any", plain({ name: "etc/os-release", content: Buffer.alloc(65_537) })],
    [
      "more files than any",
      plain(...Array.from({ length: 20_001 }, (_, n) => ({ name: `var/lib/dpkg/status.d/${n}` }))),
    ],
  ])("with %s are told by their digest", async (_, layer) => {
    const { code, message } = await failure(layer);
    expect(code).toBe("DEVENV_REGISTRY_LAYER");
    expect(message).toContain(`acme/tool:1: layer ${sha256(layer.bytes)}: cannot be read: `);
  });

  test("names lead nowhere outside", async () => {
    const facts = await look([
      plain(
        { name: "/etc//./os-release", content: "ID=absolute\n" },
        { name: "srv/../etc/os-release", content: "ID=dots\n" },
        { name: "../../var/lib/dpkg/status", content: status },
        { name: "var/lib/dpkg/status", type: "1", link: "../../../etc/passwd" },
        { name: "pax", pax: { path: "usr/lib/../../etc/os-release" }, content: "ID=pax\n" },
      ),
    ]);
    expect(facts).toMatchObject({ distribution: "absolute" });
    expect(facts.status).toBeUndefined();
    const names = ["../a", "a/../../b", "a/..", "..", "./c//d/", "/e"];
    const archive = Readable.from(tarOf(names.map((name) => ({ name }))), { objectMode: false });
    const paths: string[] = [];
    for await (const { path } of archiveEntries(archive, "none")) paths.push(path);
    expect(paths).toEqual(["c/d", "e"]);
  });

  test("long names are read as the archive has them", async () => {
    const entry: TarEntry = { name: "short", pax: { path: "var/lib/dpkg/status" }, content: status };
    expect((await look([plain(...osRelease, entry)])).status).toBe(status);
  });

  test("devices and pipes are no files", async () => {
    const entries = ["3", "4", "6"].map((type): TarEntry => ({ name: "var/lib/dpkg/status", type }));
    for (const entry of entries) expect((await look([plain(...osRelease, entry)])).status).toBeUndefined();
  });
});

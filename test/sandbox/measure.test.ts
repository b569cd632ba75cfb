import { execFileSync } from "node:child_process";
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { digestFiles, measurePaths, packLayer } from "../../src/sandbox/index.ts";
import { sha256Of } from "../support/archives.ts";

let store: string;
let tree: string;
let count = 0;

beforeAll(() => {
  store = mkdtempSync(join(tmpdir(), "devenv-measure-"));
  chmodSync(store, 0o755);
});
afterAll(() => rmSync(store, { recursive: true }));
beforeEach(() => {
  count += 1;
  tree = join(store, `tree-${count}`);
  mkdirSync(join(tree, "below"), { recursive: true });
});

const name = (path: string): string => path.slice(store.length + 1);

describe("digests of files", () => {
  test("are those of their contents, in the order asked for, whatever their size", async () => {
    const contents = [0, 1, 63, 64, 1_000_000, 5_000_001].map((size) => Buffer.alloc(size, size % 251));
    const files = contents.map((content, index) => {
      writeFileSync(join(tree, String(index)), content);
      return name(join(tree, String(index)));
    });
    const expected = contents.map((content) => ({ digest: `sha256:${sha256Of(content)}` }));
    expect(await digestFiles(store, "sha256", files)).toEqual(expected);
  });

  test("may be SHA-512", async () => {
    writeFileSync(join(tree, "file"), "abc");
    const [hex] = execFileSync("sha512sum", [join(tree, "file")], { encoding: "utf8" }).split(" ");
    expect(await digestFiles(store, "sha512", [name(join(tree, "file"))])).toEqual([
      { digest: `sha512:${hex}` },
    ]);
  });

  test("are not those of what links lead to, and what cannot be read is told beside the others", async () => {
    writeFileSync(join(tree, "file"), "abc");
    symlinkSync("file", join(tree, "link"));
    const files = ["link", "none", "below", "file"].map((one) => name(join(tree, one)));
    const found = await digestFiles(store, "sha256", files);
    expect(found.map((one) => ("digest" in one ? one.digest : one.unreadable))).toEqual([
      expect.stringContaining("link cannot be opened in the store"),
      expect.stringContaining("none cannot be opened in the store: No such file"),
      expect.stringContaining("below cannot be read: Is a directory"),
      `sha256:${sha256Of(Buffer.from("abc"))}`,
    ]);
  });
});

describe("what paths take on the disk", () => {
  const du = (path: string): number =>
    Number(execFileSync("du", ["-s", "-B1", path]).toString().split("\t")[0]);

  test("is what du says, links not followed, files with several names counted once", async () => {
    writeFileSync(join(tree, "file"), Buffer.alloc(100_000, 1));
    for (let link = 0; link < 5; link++) linkSync(join(tree, "file"), join(tree, "below", String(link)));
    symlinkSync("/usr", join(tree, "usr"));
    expect(await measurePaths(store, [name(tree)])).toEqual([du(tree)]);
  });

  test("counts a file with names in several paths where it is met first", async () => {
    writeFileSync(join(tree, "file"), Buffer.alloc(100_000, 1));
    linkSync(join(tree, "file"), join(tree, "below/file"));
    const paths = ["file", "below", "none"].map((one) => name(join(tree, one)));
    const file = lstatSync(join(tree, "file")).blocks * 512;
    const below = lstatSync(join(tree, "below")).blocks * 512;
    expect(await measurePaths(store, paths)).toEqual([file, below, 0]);
    expect(file).toBeGreaterThan(100_000);
  });

  test("counts thousands of files with two names right", async () => {
    for (let file = 0; file < 3000; file++) {
      writeFileSync(join(tree, String(file)), "x");
      linkSync(join(tree, String(file)), join(tree, "below", String(file)));
    }
    expect(await measurePaths(store, [name(tree)])).toEqual([du(tree)]);
  });
});

describe("packing a directory that is to be kept", () => {
  const pack = (keeps: boolean) => packLayer({ store, root: name(tree), epoch: 1_000_000_000, keeps });

  test("gives the same archive and changes no time", async () => {
    writeFileSync(join(tree, "file"), "text");
    utimesSync(join(tree, "file"), 1_700_000_000.5, 1_700_000_000.5);
    const kept = await pack(true);
    expect(lstatSync(join(tree, "file")).mtimeMs).toBe(1_700_000_000_500);
    expect(await pack(false)).toEqual(kept);
    expect(lstatSync(join(tree, "file")).mtimeMs).toBe(1_000_000_000_000);
  });

  test("removes no socket, which is an error then", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(tree, "socket"), resolve));
    await expect(pack(true)).rejects.toMatchObject({
      code: "DEVENV_PACK_FAILED",
      message: expect.stringContaining("/socket: a socket cannot be in a layer"),
    });
    expect(lstatSync(join(tree, "socket")).isSocket()).toBe(true);
    server.close();
  });
});

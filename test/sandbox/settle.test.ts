import { copyFileSync, existsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LayerEntry, UnpackedLayer } from "../../src/sandbox/index.ts";
import type { TarEntry } from "../support/archives.ts";
import { Host, testers } from "./host.ts";
import { layerOf, type Node, type Tree, treeByUmoci } from "./layer-tools.ts";

const directory = (name: string, more: Partial<TarEntry> = {}): TarEntry => ({ name, type: "5", ...more });
const file = (name: string): TarEntry => ({ name, content: "x" });

/** An access control list that lets user 42 read, as the kernel takes it; numbers of others are of no account. */
const acl = Buffer.from([
  ...[2, 0, 0, 0],
  ...[1, 0, 7, 0, 0, 0, 0, 0],
  ...[2, 0, 5, 0, 42, 0, 0, 0],
  ...[4, 0, 5, 0, 0, 0, 0, 0],
  ...[16, 0, 5, 0, 0, 0, 0, 0],
  ...[32, 0, 5, 0, 0, 0, 0, 0],
]).toString();

describe.each(testers())("directories that a layer has no entry of, for $label", (tester) => {
  let host: Host;
  let count = 0;
  const made: string[] = [];
  beforeAll(() => {
    host = new Host(tester);
    copyFileSync(join(import.meta.dirname, "tree.py"), join(host.directory, "tree.py"));
  });
  afterAll(() => {
    host.call("removePaths", host.store, made);
    host.close();
  });

  const fresh = (): string => {
    count += 1;
    made.push(`layer-${count}`);
    return `layer-${count}`;
  };
  const unpack = (entries: readonly TarEntry[]): { root: string; implicit: readonly string[] } => {
    const { data, ...layer } = layerOf(entries);
    const root = fresh();
    const place = join(host.directory, `${root}.blob`);
    writeFileSync(place, data);
    const options = { store: host.store, root, file: place, ...layer };
    return { root, implicit: host.call<UnpackedLayer>("unpackLayer", options).implicitDirectories };
  };
  /** Unpacks the layers and settles what they leave open; `count` is how many directories differ. */
  const settle = (layers: readonly (readonly TarEntry[])[]) => {
    const unpacked = layers.map(unpack);
    const root = fresh();
    const roots = unpacked.map(({ root }) => root);
    const directories = unpacked.flatMap(({ implicit }) => implicit);
    const options = { store: host.store, root, layers: roots, directories };
    return { root, layers: roots, count: host.call<number>("settleDirectories", options) };
  };
  const list = (root: string): LayerEntry[] => host.call<LayerEntry[]>("listLayer", host.store, root);
  /** What is below /t, without its contents. */
  const treeOf = (layers: readonly string[], place = "/t"): Record<string, Node> => {
    const { operations, root } = host.plan([
      { kind: "bind", source: join(host.directory, "tree.py"), target: "/tree.py", readonly: true },
    ]);
    const { code, output } = host.step(`python3 /tree.py ${place}`, [], {
      root: { ...root, layers },
      operations,
    } as never);
    expect(code, output).toBe(0);
    return { ...(JSON.parse(output) as Tree[])[0] };
  };
  const looks = (tree: Tree, path: string) => {
    const [kind, mode, uid, gid, mtime] = tree[path] ?? [];
    return [kind, mode, uid, gid, Number(mtime)];
  };
  const unsettled = ["d", "0o755", 0, 0, 0];

  const lower: readonly TarEntry[] = [
    directory("t/", { mode: 0o751, mtime: 1_400_000_000 }),
    directory("t/tmp/", { mode: 0o1777, mtime: 1_400_000_001 }),
    directory("t/home/"),
    directory("t/home/x/", { mode: 0o700, uid: 1000, gid: 1001, mtime: 1_400_000_002 }),
    directory("t/again/", { mode: 0o711 }),
    directory("t/twice/", { mode: 0o2775, gid: 50 }),
    directory("t/removed/", { mode: 0o700 }),
    directory("t/hidden/", { mode: 0o700 }),
    directory("t/hidden/in/", { mode: 0o700 }),
    directory("t/file/", { mode: 0o700 }),
    directory("t/emptied/", { mode: 0o710, uid: 5 }),
    file("t/emptied/lower"),
    directory("t/replaced/", { mode: 0o700, uid: 5 }),
    file("t/replaced/lower"),
    directory("t/late/", { mode: 0o700 }),
    directory("t/gone/", { mode: 0o700 }),
    directory("t/gone/deep/", { mode: 0o700 }),
    directory("t/marked/", { mode: 0o755, mtime: 0, pax: { "SCHILY.xattr.user.of.directory": "d" } }),
    directory("t/shared/", { pax: { "SCHILY.xattr.system.posix_acl_access": acl } }),
  ];
  const middle: readonly TarEntry[] = [
    directory("t/again/", { mode: 0o750, mtime: 1_500_000_000 }),
    file("t/twice/middle"),
    { name: "t/.wh.removed" },
    directory("t/hidden/", { mode: 0o701 }),
    { name: "t/hidden/.wh..wh..opq" },
    file("t/late/middle"),
    file("t/gone/deep/middle"),
  ];
  const upper: readonly TarEntry[] = [
    // umoci takes entries in their order.
    { name: "t/.wh.replaced" },
    ...[
      "tmp",
      "home/x/new/deep",
      "again",
      "twice",
      "removed",
      "hidden/in",
      "replaced",
      "marked",
      "shared",
    ].map((name) => file(`t/${name}/upper`)),
    { name: "t/emptied/.wh..wh..opq" },
    directory("t/late/", { mode: 0o702, mtime: 1_500_000_001 }),
    directory("t/gone/", { mode: 0o703 }),
    { name: "t/gone/.wh..wh..opq" },
  ];
  const stack = [lower, middle, upper];

  test("are what the next layer below says of them", () => {
    const { count, layers, root } = settle(stack);
    const tree = treeOf([...layers, root]);
    expect(looks(tree, "tmp")).toEqual(["d", "0o1777", 0, 0, 1_400_000_001]);
    expect(looks(tree, "home/x")).toEqual(["d", "0o700", 1000, 1001, 1_400_000_002]);
    expect(looks(tree, "again")).toEqual(["d", "0o750", 0, 0, 1_500_000_000]);
    expect(looks(tree, "twice")).toEqual(["d", "0o2775", 0, 50, 1_600_000_000]);
    expect(looks(tree, "emptied")).toEqual(["d", "0o710", 5, 0, 1_600_000_000]);
    expect(looks(tree, "late")).toEqual(["d", "0o702", 0, 0, 1_500_000_001]);
    expect(looks(tree, ".")).toEqual(["d", "0o751", 0, 0, 1_400_000_000]);
    expect(tree["marked"]?.[6]).toEqual({ "user.of.directory": "64" });
    expect(Object.keys(tree["shared"]?.[6] ?? {})).toEqual(["system.posix_acl_access"]);
    expect(count).toBe(10);
  });

  test("are root's where the layers below have nothing to say, also what was hidden before", () => {
    const { layers, root } = settle(stack);
    const tree = treeOf([...layers, root]);
    expect(looks(tree, "home/x/new")).toEqual(unsettled);
    expect(looks(tree, "removed")).toEqual(unsettled);
    expect(looks(tree, "hidden")).toEqual(["d", "0o701", 0, 0, 1_600_000_000]);
    expect(looks(tree, "hidden/in")).toEqual(unsettled);
    expect(looks(tree, "replaced")).toEqual(unsettled);
    expect(tree).not.toHaveProperty("gone/deep");
    expect(list(root).every(({ kind }) => kind === "directory")).toBe(true);
    expect(list(root).map(({ path }) => path)).not.toContain("t/removed");
    if (process.getuid?.() === 0) {
      const oracle: Record<string, Node> = {
        ...treeByUmoci(
          host.directory,
          stack.map((entries) => layerOf(entries, "gzip")),
        ),
      };
      // umoci leaves the time at which it made a directory, or made or removed something in one.
      const timeless = [
        ".",
        "home/x",
        "home/x/new",
        "home/x/new/deep",
        "removed",
        "hidden",
        "hidden/in",
        "replaced",
      ];
      for (const path of timeless) {
        for (const one of [tree, oracle]) one[path] = one[path]?.with(4, "") as unknown as Node;
      }
      expect(tree).toEqual(oracle);
    }
  });

  test("need no layer when they are alike, or when there is nothing below", () => {
    const alike = settle([
      [directory("a/", { mtime: 0 }), directory("b/", { mode: 0o700 })],
      [file("a/file"), file("new/deep/file"), directory("b/", { mode: 0o711 })],
    ]);
    expect(alike.count).toBe(0);
    expect(existsSync(join(host.store, alike.root))).toBe(false);
    expect(settle([[file("only/one")]]).count).toBe(0);
  });

  test("come with those they are in, and nothing else", () => {
    const { layers, root } = settle([
      [
        directory("./", { mode: 0o711, mtime: 1_300_000_000 }),
        directory("a/", { mode: 0o710 }),
        directory("a/b/", { mode: 0o700, uid: 7 }),
        directory("other/"),
      ],
      [
        directory("a/", { mode: 0o715, uid: 8, mtime: 1_300_000_001 }),
        file("a/b/file"),
        directory("./", { mode: 0o721 }),
      ],
    ]);
    expect(list(root)).toEqual([
      { kind: "directory", path: "" },
      { kind: "directory", path: "a" },
      { kind: "directory", path: "a/b" },
    ]);
    // The root is everybody's directory, and the uppermost layer's counts.
    expect(statSync(join(host.store, root)).mode & 0o7777).toBe(0o721);
    const tree = treeOf([...layers, root], "/a");
    expect(looks(tree, ".")).toEqual(["d", "0o715", 8, 0, 1_300_000_001]);
    expect(looks(tree, "b")).toEqual(["d", "0o700", 7, 0, 1_600_000_000]);
  });

  test("make the same layer each time", () => {
    const packed = [settle(stack), settle(stack)].map(({ root }) =>
      host.call<{ diffID: string; size: number }>("packLayer", {
        store: host.store,
        root,
        epoch: 2 ** 32 - 1,
      }),
    );
    expect(packed[0]).toEqual(packed[1]);
  });

  test("may be as deep as paths can be", () => {
    const depth = 300;
    const path = (number: number): string =>
      Array.from({ length: number }, (_, at) => `directory-${at}`).join("/");
    const pax = (path: string) => ({ pax: { path } });
    const deep = Array.from({ length: depth }, (_, at) =>
      directory("deep", { mode: 0o711, uid: at, ...pax(path(at + 1)) }),
    );
    const layers = [deep, [{ ...file("deep"), ...pax(`${path(depth)}/file`) }]].map(
      (one) => unpack(one).root,
    );
    const options = { store: host.store, root: fresh(), layers, directories: [path(depth)] };
    expect(host.call<number>("settleDirectories", options)).toBe(1);
    const { operations, root } = host.plan();
    const script = `stat -c '%a %u %Y' /${path(2)} /${path(depth)}`;
    const { output } = host.step(script, [], {
      root: { ...root, layers: [...layers, options.root] },
      operations,
    } as never);
    expect(output).toBe(`711 1 1600000000\n711 ${depth - 1} 1600000000\n`);
  });

  test("are never looked up through a link", () => {
    host.own("store/outside/in");
    const { count, layers } = settle([
      [
        directory("usr/", { mode: 0o700 }),
        directory("usr/in/", { mode: 0o700 }),
        { name: "absolute", type: "2", link: "/usr" },
        { name: "relative", type: "2", link: "usr" },
        { name: "out", type: "2", link: "../outside" },
      ],
      ["absolute", "relative", "out"].map((name) => file(`${name}/in/file`)),
    ]);
    expect(count).toBe(0);
    const [lowest = ""] = layers;
    const root = fresh();
    const directories = ["out/in", "out", "relative/in"];
    const options = { store: host.store, root, layers: [lowest], directories };
    expect(host.call<number>("settleDirectories", options)).toBe(0);
  });

  test.each<[what: string, directories: string[], message: RegExp]>([
    ["a path that leaves", ["a/../../b"], /a\/\.\.\/\.\.\/b: .*"\.\."/],
    ["an absolute path", ["/etc"], /^\/etc: an absolute path/],
  ])("are refused with %s", (_, directories, message) => {
    const { layers } = settle([[directory("a/")]]);
    const root = fresh();
    const refused = host.failure("settleDirectories", { store: host.store, root, layers, directories });
    expect(refused).toMatchObject({ code: "DEVENV_SETTLE_FAILED", message: expect.stringMatching(message) });
    expect(existsSync(join(host.store, root))).toBe(false);
  });

  test("need layers that are there", () => {
    const options = { store: host.store, root: fresh(), layers: ["no-layer"], directories: ["a"] };
    expect(host.failure("settleDirectories", options)).toMatchObject({
      code: "DEVENV_SETTLE_FAILED",
      message: expect.stringMatching(/^no-layer cannot be opened in the store: /),
    });
  });
});

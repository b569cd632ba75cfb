import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Operation } from "../../src/sandbox/index.ts";
import { removePaths, unpackLayer } from "../../src/sandbox/index.ts";
import { sha256Of, type TarEntry, tarOf } from "../support/archives.ts";
import { Host, testers } from "./host.ts";
import { announce, type Layer, layerOf, type Node, type Tree, treeByUmoci, zstd } from "./layer-tools.ts";

type Unpacked = Awaited<ReturnType<typeof unpackLayer>>;
const capability = "\u0001\0\0\u0002\0 \0\0\0\0\0\0\0\0\0\0\0\0\0\0";
const directory = (name: string, more: Partial<TarEntry> = {}): TarEntry => ({ name, type: "5", ...more });

describe.each(testers())("an image's layer of $label", (tester) => {
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
  const optionsOf = ({ data, ...layer }: Layer, root: string) => {
    const file = join(host.directory, `${root.replaceAll("/", "-")}.blob`);
    writeFileSync(file, data);
    return { store: host.store, root, file, ...layer };
  };
  /** Unpacks a layer and returns its path below the store. */
  const unpack = (layer: Layer): string => {
    const root = fresh();
    host.call<Unpacked>("unpackLayer", optionsOf(layer, root));
    return root;
  };
  const report = (layer: Layer): Unpacked => host.call<Unpacked>("unpackLayer", optionsOf(layer, fresh()));
  const refusal = (layer: Layer): { code: string; message: string } =>
    host.failure("unpackLayer", optionsOf(layer, fresh()));
  /** What is below directories, as root inside sees it, after a script that may use them. */
  const treesOf = (paths: readonly string[], script = "", operations: readonly Operation[] = []): Tree[] => {
    const tool: Operation = {
      kind: "bind",
      source: join(host.directory, "tree.py"),
      target: "/tree.py",
      readonly: true,
    };
    const { code, output } = host.step(`set -e\n${script}\npython3 /tree.py ${paths.join(" ")}`, [
      tool,
      ...operations,
    ]);
    expect(code, output).toBe(0);
    return JSON.parse(output) as Tree[];
  };
  const treeOf = (root: string): Tree => {
    const bind: Operation = {
      kind: "bind",
      source: join(host.store, root),
      target: "/layer",
      readonly: true,
    };
    return treesOf(["/layer"], "", [bind])[0] as Tree;
  };
  /** What is below /t when the layers lie upon each other, the lowest first. */
  const mergedTree = (layers: readonly string[]): Tree => {
    const plan = host.plan([
      { kind: "bind", source: join(host.directory, "tree.py"), target: "/tree.py", readonly: true },
    ]);
    const image = { ...plan.root, layers };
    const { code, output } = host.step("python3 /tree.py /t", plan.operations.slice(0, 0), {
      root: image,
      operations: plan.operations,
    } as never);
    expect(code, output).toBe(0);
    return (JSON.parse(output) as Tree[])[0] as Tree;
  };

  const everything: readonly TarEntry[] = [
    directory("./", { mode: 0o750, mtime: 1_400_000_001 }),
    directory("./bin/", { mtime: 1_400_000_002 }),
    { name: "./bin/su", content: "su", mode: 0o4755, gid: 42, mtime: 1_500_000_000 },
    {
      name: "./bin/ping",
      content: "ping",
      mode: 0o755,
      pax: { "SCHILY.xattr.security.capability": capability },
    },
    { name: "./bin/link", type: "2", link: "su", uid: 7, gid: 8, mode: 0o777 },
    { name: "./bin/nowhere", type: "2", link: "/no/where/../else", mode: 0o777 },
    { name: "./bin/same", type: "1", link: "./bin/su" },
    { name: "./bin/same-link", type: "1", link: "bin/link" },
    { name: "./pipe", type: "6", mode: 0o610, uid: 65_535 },
    { name: "./empty", mode: 0 },
    directory("./private/", { mode: 0o2770, uid: 33, gid: 34, mtime: 1_400_000_000 }),
    { name: "./private/file", content: "x", uid: 1000, gid: 1000, mode: 0o2640 },
    // Next to the others of their directory, whose time GNU tar would not restore again.
    { name: "pax_global_header", type: "g", content: "19 comment=nothing\n" },
    {
      name: "./short",
      content: "long",
      pax: {
        path: `./private/${"long-".repeat(45)}\nname`,
        mtime: "1450000000.123456789",
        uid: "1001",
        "SCHILY.xattr.user.mark": "a\nb",
      },
    },
    { name: "./gnu", type: "L", content: `./private/${"g".repeat(180)}\0` },
    { name: "./cut", content: "gnu" },
    directory("./sticky/", { mode: 0o1777, pax: { "SCHILY.xattr.user.of.directory": "d" } }),
    { name: "./big", content: Buffer.alloc(1_300_001, "x") },
  ];

  test.each(["none", "gzip", "zstd"] as const)(
    "has every kind of entry as GNU tar unpacks it (%s)",
    (compression) => {
      const root = unpack(layerOf(everything, compression));
      writeFileSync(join(host.directory, "all.tar"), tarOf(everything));
      const [ours, oracle] = treesOf(
        ["/layer", "/oracle"],
        "mkdir /oracle; tar --delay-directory-restore --xattrs --xattrs-include='*' --numeric-owner --same-permissions -xf /all.tar -C /oracle",
        [
          { kind: "bind", source: join(host.store, root), target: "/layer", readonly: true },
          { kind: "bind", source: join(host.directory, "all.tar"), target: "/all.tar", readonly: true },
        ],
      ) as [Tree, Tree];
      expect(Object.keys(ours)).toHaveLength(16);
      expect(ours).toEqual(oracle);
      expect(ours["bin/ping"]?.[6]).toHaveProperty("security.capability");
      expect(ours["bin/su"]?.slice(1, 4)).toEqual(["0o4755", 0, 42]);
      expect(ours["bin/same"]?.[7]).toBe(ours["bin/su"]?.[7]);
      expect(ours[`private/${"long-".repeat(45)}\nname`]?.[4]).toBe("1450000000.123456789");
    },
  );

  test("is told of in numbers, and may have a digest of either kind", () => {
    const layer = layerOf(everything, "gzip");
    const digest = `sha512:${createHash("sha512").update(layer.data).digest("hex")}`;
    expect(report({ ...layer, digest })).toEqual({
      size: tarOf(everything).length,
      hidesLower: false,
      implicitDirectories: [],
    });
    expect(
      refusal({ ...layer, digest: digest.replace(/.$/, (end) => (end === "0" ? "1" : "0")) }),
    ).toMatchObject({
      code: "DEVENV_LAYER_TRANSFER",
      message: expect.stringMatching(/has the digest sha512:[0-9a-f]{128}, not sha512:/),
    });
  });

  test("may come in several gzip members, or zstd frames with tables between them", () => {
    const tar = tarOf(everything);
    const cut = [tar.subarray(0, 700), tar.subarray(700, 3000), tar.subarray(3000)];
    const table = Buffer.from("502a4d18050000007461626c65", "hex");
    const members = Buffer.concat([...cut.map((piece) => gzipSync(piece)), gzipSync("")]);
    const frames = Buffer.concat([table, ...cut.flatMap((piece) => [zstd(piece), table])]);
    const trees = [announce(members, tar, "gzip"), announce(frames, tar, "zstd")].map((layer) =>
      treeOf(unpack(layer)),
    );
    expect(trees[0]).toEqual(treeOf(unpack(layerOf(everything, "none"))));
    expect(trees[1]).toEqual(trees[0]);
  });

  test("leaves out device nodes, AUFS' own names, and attributes that tell of another machine", () => {
    const root = unpack(
      layerOf([
        directory("dev/"),
        { name: "dev/null", type: "3" },
        { name: "dev/sda", type: "4" },
        directory(".wh..wh.plnk/"),
        { name: ".wh..wh.plnk/1.2", content: "x" },
        { name: ".wh..wh.aufs", content: "x" },
        {
          name: "file",
          pax: {
            "SCHILY.xattr.security.selinux": "label",
            "SCHILY.xattr.trusted.overlay.opaque": "y",
            "SCHILY.xattr.user.overlay.redirect": "/etc",
            "SCHILY.xattr.user.kept": "1",
          },
        },
        { name: "link", type: "2", link: "file", pax: { "SCHILY.xattr.user.x": "1" } },
        directory("opaque/", { pax: { "SCHILY.xattr.user.overlay.opaque": "y" } }),
      ]),
    );
    const tree = treeOf(root);
    expect(Object.keys(tree).sort()).toEqual([".", "dev", "file", "link", "opaque"]);
    expect(tree["file"]?.[6]).toEqual({ "user.kept": "31" });
    expect(tree["opaque"]?.[6]).toEqual({});
  });

  test("has the last of several entries of one name", () => {
    const tree = treeOf(
      unpack(
        layerOf([
          { name: "file", content: "1" },
          { name: "file", content: "2", mode: 0o600 },
          directory("directory/"),
          { name: "directory/gone", content: "x" },
          { name: "directory", content: "a file" },
          { name: "became-directory", content: "x" },
          directory("became-directory/", { mode: 0o700 }),
          { name: "became-directory/in", content: "in" },
          directory("became-link/"),
          directory("became-link/below/", { mode: 0o711 }),
          { name: "became-link", type: "2", link: "became-directory" },
          { name: "link", type: "2", link: "file" },
          { name: "link", content: "not through the link" },
          { name: "first", content: "first" },
          { name: "second", content: "second" },
          { name: "second", type: "1", link: "first" },
          { name: "second", type: "1", link: "second" },
          directory("twice/", { mode: 0o700, uid: 5 }),
          { name: "twice/kept", content: "x" },
          directory("twice/", { mode: 0o755, uid: 6 }),
          { name: "turn", type: "2", link: "directory-1" },
          directory("directory-1/"),
          directory("directory-2/"),
          { name: "turn/one", content: "1" },
          { name: "turn", type: "2", link: "directory-2" },
          { name: "turn/two", content: "2" },
        ]),
      ),
    );
    const hash = (text: string): string => sha256Of(Buffer.from(text));
    expect(tree["file"]?.slice(0, 6)).toEqual(["-", "0o600", 0, 0, "1600000000.000000000", hash("2")]);
    expect(tree["directory"]?.[0]).toBe("-");
    expect(tree["became-directory"]?.slice(0, 2)).toEqual(["d", "0o700"]);
    expect(tree["became-directory/in"]?.[5]).toBe(hash("in"));
    expect(tree["became-link"]?.slice(0, 1)).toEqual(["l"]);
    expect(tree["link"]?.[5]).toBe(hash("not through the link"));
    expect(tree["second"]?.slice(5)).toEqual([hash("first"), {}, "first"]);
    expect(tree["twice"]?.slice(1, 3)).toEqual(["0o755", 6]);
    expect(tree).toHaveProperty("twice/kept");
    expect(tree).toHaveProperty("directory-1/one");
    expect(tree).toHaveProperty("directory-2/two");
  });

  test("hides what its whiteouts name, in whatever order its entries come, and nothing of its own", () => {
    const lower = [
      directory("t/"),
      ...["gone", "kept", "replaced", "in-place"].map((name) => ({
        name: `t/${name}`,
        content: `lower ${name}`,
      })),
      ...["removed", "hidden", "again"].flatMap((name) => [
        directory(`t/${name}/`, { mode: 0o711 }),
        { name: `t/${name}/lower`, content: "lower" },
        directory(`t/${name}/deep/`),
        { name: `t/${name}/deep/lower`, content: "lower" },
      ]),
    ];
    const upper: TarEntry[] = [
      directory("t/"),
      { name: "t/.wh.gone" },
      { name: "t/.wh.never" },
      { name: "t/.wh.replaced" },
      { name: "t/replaced", content: "upper" },
      { name: "t/.wh.removed" },
      { name: "t/removed/.wh.lower" },
      directory("t/hidden/", { mode: 0o700 }),
      { name: "t/hidden/.wh..wh..opq" },
      { name: "t/hidden/upper", content: "upper" },
      { name: "t/.wh.again" },
      directory("t/again/"),
      directory("t/again/deep/"),
      { name: "t/again/deep/upper", content: "upper" },
    ];
    const third: TarEntry[] = [
      directory("t/"),
      { name: "t/.wh.in-place" },
      { name: "t/gone", content: "back" },
    ];
    const stack = [lower, upper, third].map((entries) => unpack(layerOf(entries)));
    const merged = mergedTree(stack);
    expect(Object.keys(merged).sort()).toEqual(
      [
        ".",
        "again",
        "again/deep",
        "again/deep/upper",
        "gone",
        "hidden",
        "hidden/upper",
        "kept",
        "replaced",
      ].sort(),
    );
    const backwards = unpack(
      layerOf([
        ...upper.filter(({ type }) => type === "5"),
        ...upper.filter(({ type }) => type !== "5").reverse(),
      ]),
    );
    expect(mergedTree([stack[0] ?? "", backwards, stack[2] ?? ""])).toEqual(merged);
    if (process.getuid?.() === 0) {
      const oracle = treeByUmoci(
        host.directory,
        [lower, upper, third].map((entries) => layerOf(entries, "gzip")),
      );
      // umoci notes the time at which it deleted something in a directory that came without a time.
      expect(withoutTimes(merged)).toEqual(withoutTimes(oracle));
    }
  });

  test("says when it hides all layers below, which overlayfs does not do by itself", () => {
    expect(report(layerOf([{ name: ".wh..wh..opq" }, { name: "own", content: "x" }])).hidesLower).toBe(true);
    expect(report(layerOf([{ name: "own/.wh..wh..opq" }])).hidesLower).toBe(false);
  });

  test("makes directories that have no entry, and says which", () => {
    const layer = layerOf([
      { name: "usr/share/doc/file", content: "x" },
      directory("usr/", { mode: 0o711 }),
      { name: "var/lib/.wh.gone" },
    ]);
    expect(report(layer).implicitDirectories).toEqual(["usr/share", "usr/share/doc", "var", "var/lib"]);
    const tree = treeOf(unpack(layer));
    expect(tree["usr/share"]).toEqual([
      "d",
      "0o755",
      0,
      0,
      "0.000000000",
      null,
      { "user.overlay.devenv.implicit": "79" },
      null,
    ]);
    expect(tree["usr"]?.slice(1, 7)).toEqual(["0o711", 0, 0, "1600000000.000000000", null, {}]);
    expect(tree["."]?.slice(1, 7)).toEqual(["0o755", 0, 0, "0.000000000", null, {}]);
    expect(tree["var/lib/gone"]?.slice(0, 1)).toEqual(["c"]);
    const merged = mergedTree([unpack(layerOf([{ name: "t/below/file", content: "x" }]))]);
    expect(merged["below"]?.[6]).toEqual({});
  });

  const nothing: readonly TarEntry[] = [];
  const huge = Buffer.from([0x80, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
  const out: TarEntry = { name: "out", type: "2", link: "../outside" };
  const hostile: readonly [what: string, entries: readonly TarEntry[], message: RegExp][] = [
    ["an absolute name", [{ name: "/etc/x" }], /^\/etc\/x: an absolute path/],
    ["a name with ..", [{ name: "a/../../outside/x" }], /a\/\.\.\/\.\.\/outside\/x: .*"\.\."/],
    ["a name that is ..", [directory("..")], /\.\.: .*"\.\."/],
    ["a pax path that leaves", [{ name: "n", pax: { path: "../outside/x" } }], /\.\.\/outside\/x.*"\.\."/],
    [
      "a file through a link that leads out",
      [out, { name: "out/x", content: "x" }],
      /^\/out: its dir|^\/out\/x: /,
    ],
    [
      "a file through an absolute link",
      [
        { name: "out", type: "2", link: "/outside" },
        { name: "out/x", content: "x" },
      ],
      /^\/out\/x: /,
    ],
    ["a directory through a link that leads out", [out, directory("out/d/e/")], /^\/out\/d/],
    ["a whiteout through a link that leads out", [out, { name: "out/.wh.file" }], /^\/out\/file: /],
    ["an opaque directory through a link", [out, { name: "out/.wh..wh..opq" }], /^\/out: /],
    ["a hard link with ..", [{ name: "h", type: "1", link: "../outside/file" }], /^h: .*"\.\."/],
    ["a hard link to an absolute name", [{ name: "h", type: "1", link: "/etc/passwd" }], /^h: .*absolute/],
    [
      "a hard link through a link that leads out",
      [out, { name: "h", type: "1", link: "out/file" }],
      /out\/file/,
    ],
    [
      "a hard link to a directory",
      [directory("d/"), { name: "h", type: "1", link: "d" }],
      /\/h: .*\/d is not a file/,
    ],
    ["a hard link to nothing", [{ name: "h", type: "1", link: "no" }], /\/h: its hard link target \/no/],
    [
      "a hard link over what holds its target",
      [directory("d/"), { name: "d/f", content: "x" }, { name: "d", type: "1", link: "d/f" }],
      /^\/d: cannot be made/,
    ],
    [
      "a parent that became a link that leads out",
      [directory("d/"), { name: "d/a", content: "x" }, { ...out, name: "d" }, { name: "d/b", content: "x" }],
      /^\/d\/b: /,
    ],
    [
      "a link over a link, and a file through both",
      [
        { name: "a", type: "2", link: "." },
        { ...out, name: "a/b" },
        { name: "b/x", content: "x" },
      ],
      /^\/b\/x: /,
    ],
    [
      "an entry below a file",
      [
        { name: "f", content: "x" },
        { name: "f/g", content: "x" },
      ],
      /^\/f\/g: .*Not a dir/,
    ],
    ["a whiteout of nothing", [{ name: ".wh." }], /^\/\.wh\.: a whiteout of ""/],
    ["a whiteout of .", [{ name: "a/.wh.." }], /^\/a\/\.wh\.\.: a whiteout of "\."/],
    ["a whiteout of ..", [{ name: "a/.wh..." }], /^\/a\/\.wh\.\.\.: a whiteout of "\.\."/],
    ["a whiteout with a path", [{ name: ".wh.a/../../outside/file" }], /"\.\."/],
    [
      "an entry below a whiteout",
      [directory(".wh.a/"), { name: ".wh.a/b" }],
      /^\/\.wh\.a\/b: below a whiteout/,
    ],
    ["an opaque file", [{ name: "f", content: "x" }, { name: "f/.wh..wh..opq" }], /^\/f: /],
    ["a hard link to a whiteout", [{ name: ".wh.w" }, { name: "h", type: "1", link: ".wh.w" }], /^\/h: /],
    ["an unknown type", [{ name: "u", type: "Z" }], /^u: an entry of type 'Z'/],
    ["an old sparse file", [{ name: "s", type: "S" }], /^s: an entry of type 'S'/],
    ["a sparse file", [{ name: "s", pax: { "GNU.sparse.major": "1" } }], /^s: a sparse file/],
    ["a negative size", [{ name: "n", size: Buffer.alloc(12, 0xff) }], /a negative size/],
    ["a negative pax size", [{ name: "n", pax: { size: "-1" } }], /size=-1/],
    ["a size beyond everything", [{ name: "n", size: huge }], /^n: /],
    ["a size beyond the archive", [{ name: "n", size: "77777777777" }], /^n: the archive ends/],
    [
      "a pax size beyond the archive",
      [{ name: "n", content: "x", pax: { size: "99999" } }],
      /^n: the archive ends/,
    ],
    ["a link with content", [{ name: "l", type: "2", link: "x", content: "y" }], /^l: only a file/],
    ["an owner nobody can be", [{ name: "o", uid: 70_000 }], /^\/o: the owner 70000:0 cannot be set/],
    [
      "a directory of such an owner",
      [directory("o/", { gid: 70_000 })],
      /^\/o: the owner 0:70000 cannot be set/,
    ],
    ["a NUL in a name", [{ name: "n", pax: { path: "a\0b" } }], /^a: a name with a NUL/],
    ["a name too long", [{ name: "n", pax: { path: "n".repeat(300) } }], /^n+…: a name longer than 255/],
    ["a path too long", [{ name: "n", pax: { path: "dir/".repeat(1100) } }], /^(dir\/)+.*path longer than/],
    ["a name that steers the terminal", [{ name: "/a\u001b[2J\nb" }], /^\/a\?\[2J\?b: an absolute/],
    [
      "a global pax path",
      [{ name: "g", type: "g", content: "10 path=a\n" }, { name: "x" }],
      /global pax .* path/,
    ],
    ["a wrong checksum", [{ name: "c", brokenChecksum: true }], /^c: the header's checksum/],
  ];

  test("an archive may end without an end mark and the last file's padding, as some in images do", () => {
    const whole = tarOf([
      { name: "a", content: "first" },
      { name: "b", content: "last" },
    ]);
    for (const end of [whole.length - 1024, whole.length - 1024 - 508]) {
      const cut = whole.subarray(0, end);
      expect(Object.keys(treeOf(unpack(announce(cut, cut, "none"))))).toEqual(
        expect.arrayContaining(["a", "b"]),
      );
    }
    const short = whole.subarray(0, whole.length - 1024 - 509);
    expect(refusal(announce(short, short, "none")).message).toMatch(/b: the archive ends in the middle/);
    expect(report(announce(Buffer.alloc(0), Buffer.alloc(0), "none"))).toMatchObject({ size: 0 });
  });

  test.each(hostile)("with %s is refused, and the message names it", (_, entries, message) => {
    const outside = join(host.store, "outside");
    mkdirSync(outside, { recursive: true, mode: 0o777 });
    writeFileSync(join(outside, "file"), "untouched");
    const { code, message: text } = refusal(layerOf([...entries]));
    expect(text).toMatch(message);
    expect(code).toBe("DEVENV_UNPACK_LAYER_FAILED");
    expect(readdirSync(outside)).toEqual(["file"]);
    expect(readFileSync(join(outside, "file"), "utf8")).toBe("untouched");
    expect(lstatSync(join(outside, "file")).nlink).toBe(1);
    for (const path of ["/outside", "/etc/x"]) expect(existsSync(path)).toBe(false);
    rmSync(outside, { recursive: true });
  });

  const good = tarOf(everything);
  const flipped = (data: Buffer, at: number): Buffer => {
    const copy = Buffer.from(data);
    copy[at] = (copy[at] ?? 0) ^ 0x55;
    return copy;
  };
  const zeros = "0".repeat(64);
  const damaged: readonly [what: string, layer: Layer, code: string, message: RegExp][] = [
    [
      "shorter than announced",
      { ...announce(good, good, "none"), size: good.length + 1 },
      "TRANSFER",
      /ended after/,
    ],
    [
      "longer than announced",
      { ...announce(good, good, "none"), size: 512 },
      "TRANSFER",
      /longer than 512 bytes/,
    ],
    [
      "with another digest",
      { ...layerOf(nothing), digest: `sha256:${zeros}` },
      "TRANSFER",
      /has the digest sha256:/,
    ],
    [
      "damaged on the way",
      { ...layerOf(everything, "gzip"), data: flipped(layerOf(everything, "gzip").data, 900) },
      "TRANSFER",
      /has the digest/,
    ],
    [
      "with another diffID",
      { ...layerOf(nothing), diffID: `sha256:${zeros}` },
      "REFUSED",
      /the layer's diffID is/,
    ],
    ["cut off in a header", announce(good.subarray(0, 700), good, "none"), "REFUSED", /ends in the middle/],
    ["cut off behind an entry", announce(good.subarray(0, 1024), good, "none"), "REFUSED", /diffID is/],
    ["that is empty", announce(Buffer.alloc(0), good, "none"), "REFUSED", /diffID is/],
    ["that is empty gzip", announce(Buffer.alloc(0), good, "gzip"), "REFUSED", /gzip data is cut off/],
    [
      "with entries behind the end mark",
      announce(Buffer.concat([tarOf([]), good]), good, "none"),
      "REFUSED",
      /data behind the end mark/,
    ],
    [
      "of cut off gzip",
      announce(gzipSync(good).subarray(0, -9), good, "gzip"),
      "REFUSED",
      /gzip data is cut off/,
    ],
    [
      "of damaged gzip",
      announce(flipped(gzipSync(good), 900), good, "gzip"),
      "REFUSED",
      /gzip data is damaged/,
    ],
    [
      "of gzip with a wrong sum",
      announce(flipped(gzipSync(good), -1 + gzipSync(good).length), good, "gzip"),
      "REFUSED",
      /gzip data is damaged/,
    ],
    [
      "of gzip and something else",
      announce(Buffer.concat([gzipSync(good), Buffer.from("more")]), good, "gzip"),
      "REFUSED",
      /gzip data is followed by something else/,
    ],
    ["that is no gzip", announce(good, good, "gzip"), "REFUSED", /gzip data is damaged/],
    [
      "of cut off zstd",
      announce(zstd(good).subarray(0, -3), good, "zstd"),
      "REFUSED",
      /zstd data is cut off/,
    ],
    [
      "of damaged zstd",
      announce(flipped(zstd(good), zstd(good).length - 1), good, "zstd"),
      "REFUSED",
      /zstd data is damaged/,
    ],
    ["that is no zstd", announce(good, good, "zstd"), "REFUSED", /zstd data is damaged/],
  ];

  test.each(damaged)("%s is refused", (_, layer, kind, message) => {
    const { code, message: text } = refusal(layer);
    expect(text).toMatch(message);
    expect(code).toBe(kind === "TRANSFER" ? "DEVENV_LAYER_TRANSFER" : "DEVENV_UNPACK_LAYER_FAILED");
    expect(text).not.toContain("\n");
  });

  test("is made new: neither over something else nor through a link", () => {
    const layer = layerOf([]);
    expect(host.failure("unpackLayer", optionsOf(layer, unpack(layer))).message).toMatch(
      /cannot be made in the store: File exists/,
    );
    expect(host.failure("unpackLayer", optionsOf(layer, "missing/layer")).message).toMatch(
      /cannot be opened in the store/,
    );
  });
});

describe("unpackLayer", () => {
  let host: Host;
  const [tester] = testers().slice(0, 1);
  if (tester === undefined) throw new Error("nobody tests");
  beforeAll(() => {
    host = new Host(tester);
  });
  afterAll(async () => {
    await removePaths(host.store, ["waiting", "broken", "killed", "early"]);
    host.close();
  });
  const layer = layerOf([{ name: "file", content: Buffer.alloc(3_000_000, "x") }]);
  const options = (root: string, input: Readable) => ({ ...layer, store: host.store, root, input }) as never;
  /** A body that gives half of the layer and then waits. */
  const half = (then: (body: Readable) => void = () => undefined): Readable => {
    const body = new Readable({ read: () => undefined });
    body.push(layer.data.subarray(0, 1_500_000));
    setTimeout(() => then(body), 50);
    return body;
  };

  test("ends when it is to, with the reason it was given", async () => {
    const abort = new AbortController();
    const body = half(() => abort.abort(new Error("enough")));
    const attempt = unpackLayer({ ...(options("waiting", body) as object), signal: abort.signal } as never);
    await expect(attempt).rejects.toThrow("enough");
    expect(body.destroyed).toBe(true);
  });

  test("fails with what its input failed with", async () => {
    const attempt = unpackLayer(
      options(
        "broken",
        half((body) => body.destroy(new Error("connection lost"))),
      ),
    );
    await expect(attempt).rejects.toThrow("connection lost");
  });

  test("takes no more from its input once the layer is refused", async () => {
    let given = 0;
    const body = new Readable({
      read() {
        given += 65_536;
        this.push(Buffer.alloc(65_536, "x"));
      },
    });
    const attempt = unpackLayer({ ...(options("early", body) as object), size: 1e12 } as never);
    await expect(attempt).rejects.toThrow(/not a number|checksum/);
    expect(body.destroyed).toBe(true);
    expect(given).toBeLessThan(30_000_000);
  });

  test("leaves no process behind when its caller is killed", async () => {
    const script = `
      const { spawn } = require("node:child_process");
      const map = ${JSON.stringify(mapWords(host))};
      const child = spawn(${JSON.stringify(join(host.directory, "devenv-layers"))}, ["unpack-layer", ...map,
        "--store", ${JSON.stringify(host.store)}, "--root", "killed", "--size", "1000", "--compression", "none",
        "--digest", "${layer.digest}", "--diff-id", "${layer.diffID}"], { stdio: ["pipe", "pipe", "inherit"] });
      console.log(child.pid);
      setInterval(() => {}, 1000);`;
    const caller = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = (await caller.stdout.take(1).toArray()) as Buffer[];
    const pid = Number(line?.toString());
    const runs = (): boolean => {
      try {
        return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
      } catch {
        return false;
      }
    };
    for (let i = 0; i < 200 && !existsSync(join(host.store, "killed")); i++) await sleep(20);
    expect(runs()).toBe(true);
    caller.kill("SIGKILL");
    for (let i = 0; i < 200 && runs(); i++) await sleep(20);
    expect(runs()).toBe(false);
  });
});

function mapWords({ identity }: Host): string[] {
  const words = (name: string, ranges: typeof identity.uidMap) =>
    ranges.flatMap(({ inside, outside, count }) => [name, `${inside}:${outside}:${count}`]);
  return [...words("--uid-map", identity.uidMap), ...words("--gid-map", identity.gidMap)];
}

function withoutTimes(tree: Tree): Tree {
  return Object.fromEntries(
    Object.entries(tree).map(([path, node]) => [path, node.toSpliced(4, 1) as unknown as Node]),
  );
}

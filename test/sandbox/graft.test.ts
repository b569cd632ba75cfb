import { execFileSync } from "node:child_process";
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
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { GraftedArchive, GraftMap, GraftOptions, Operation } from "../../src/sandbox/index.ts";
import { graftArchive, removePaths } from "../../src/sandbox/index.ts";
import { sha256Of, type TarEntry, tarOf } from "../support/archives.ts";
import { Host, testers } from "./host.ts";

type Compression = GraftOptions["compression"];
type Changes = Partial<Omit<GraftOptions, "input">> & { readonly data?: Buffer };
type Node = readonly [kind: string, mode: string, uid: number, gid: number, mtime: string, content: string];
type Tree = Readonly<Record<string, Node>>;

const directory = (name: string, more: Partial<TarEntry> = {}): TarEntry => ({ name, type: "5", ...more });
const file = (name: string, content: string, more: Partial<TarEntry> = {}): TarEntry => ({
  name,
  content,
  ...more,
});
const whiteout = (name: string): TarEntry => ({ name });
const symlink = (name: string, link: string): TarEntry => ({ name, type: "2", link });
const hardlink = (name: string, link: string): TarEntry => ({ name, type: "1", link });
const local: readonly GraftMap[] = [{ from: "usr/local", to: "/usr/local" }];
/** Of the layer that the toolchain of these tests becomes, on every host and for every user. */
const digestOfToolchain = "sha256:1aeb2bf79c9234711322185679ac49e18d3adc486e851986fa97bcd2f14addad";
const everything: readonly GraftMap[] = [{ from: "", to: "/" }];

describe.each(testers())("archives grafted by $label", (tester) => {
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
    made.push(`graft-${count}`);
    return `graft-${count}`;
  };
  const optionsOf = (root: string, entries: readonly TarEntry[], changes: Changes) => {
    const { data, ...more } = changes;
    const compression = more.compression ?? "none";
    const path = join(host.directory, `${root}.blob`);
    writeFileSync(path, data ?? packed(tarOf(entries), compression));
    return { store: host.store, root, file: path, compression, maps: local, ...more };
  };
  const graft = (root: string, entries: readonly TarEntry[], changes: Changes = {}): GraftedArchive =>
    host.call<GraftedArchive>("graftArchive", optionsOf(root, entries, changes));
  const refusal = (
    entries: readonly TarEntry[],
    changes: Changes = {},
    root = fresh(),
  ): { code: string; message: string } => host.failure("graftArchive", optionsOf(root, entries, changes));
  /** Grafts archives upon each other and returns where. */
  const stack = (archives: readonly (readonly TarEntry[])[], changes: Changes = {}): string => {
    const root = fresh();
    for (const entries of archives) graft(root, entries, changes);
    return root;
  };
  /** What is there as root inside sees it. */
  const treeOf = (root: string): Tree => {
    const operations: Operation[] = [
      { kind: "bind", source: join(host.store, root), target: "/graft", readonly: true },
      { kind: "bind", source: join(host.directory, "tree.py"), target: "/tree.py", readonly: true },
    ];
    const { code, output } = host.step("python3 /tree.py /graft", operations);
    expect(code, output).toBe(0);
    return (JSON.parse(output) as Tree[])[0] as Tree;
  };
  const namesOf = (root: string): string[] => Object.keys(treeOf(root)).sort();
  const pack = (root: string): string =>
    host.call<{ diffID: string }>("packLayer", { store: host.store, root, epoch: 1_700_000_000 }).diffID;

  const toolchain: readonly TarEntry[] = [
    directory("./"),
    directory("./usr/", { mode: 0o711 }),
    file("./usr/other", "not taken"),
    directory("./usr/local/", { mode: 0o700, uid: 7, mtime: 1_400_000_001 }),
    directory("./usr/local/bin/", { mode: 0o2777, gid: 50, mtime: 1_400_000_002 }),
    file("./usr/local/bin/tool", "tool", { mode: 0o4750, uid: 1000, gid: 70_000, mtime: 1_400_000_003 }),
    hardlink("./usr/local/bin/same", "./usr/local/bin/tool"),
    symlink("./usr/local/bin/link", "../../elsewhere"),
    file("./usr/local/secret", "secret", {
      mode: 0,
      pax: {
        "SCHILY.xattr.user.mark": "x",
        "SCHILY.xattr.security.capability": "x",
        mtime: "1450000000.123456789",
      },
    }),
    file("./usr/local/open", "open", { mode: 0o1666 }),
    file("./usr/local/group", "group", { mode: 0o654 }),
    { name: "./usr/local/null", type: "3" },
    { name: "./usr/local/pipe", type: "6" },
    file("./usr/localhost", "not taken"),
    file("./var/lib/x", "not taken"),
  ];

  test.each(["none", "gzip", "zstd"] as const)(
    "are taken out of the rest, as root's, for everyone (%s)",
    (compression) => {
      const root = fresh();
      const tar = tarOf(toolchain);
      expect(graft(root, toolchain, { compression })).toEqual({
        diffID: `sha256:${sha256Of(tar)}`,
        size: tar.length,
        entries: 8,
      });
      const hash = (text: string): string => sha256Of(Buffer.from(text));
      const time = (seconds: number): string => `${seconds}.000000000`;
      expect(treeOf(root)).toEqual({
        ".": ["d", "0o755", 0, 0, time(0), null, {}, null],
        usr: ["d", "0o755", 0, 0, time(0), null, {}, null],
        "usr/local": ["d", "0o755", 0, 0, time(1_400_000_001), null, {}, null],
        "usr/local/bin": ["d", "0o755", 0, 0, time(1_400_000_002), null, {}, null],
        "usr/local/bin/tool": ["-", "0o755", 0, 0, time(1_400_000_003), hash("tool"), {}, expect.any(String)],
        "usr/local/bin/same": ["-", "0o755", 0, 0, time(1_400_000_003), hash("tool"), {}, expect.any(String)],
        "usr/local/bin/link": ["l", "0o777", 0, 0, time(1_600_000_000), "../../elsewhere", {}, null],
        "usr/local/secret": ["-", "0o644", 0, 0, "1450000000.123456789", hash("secret"), {}, null],
        "usr/local/open": ["-", "0o644", 0, 0, time(1_600_000_000), hash("open"), {}, null],
        "usr/local/group": ["-", "0o644", 0, 0, time(1_600_000_000), hash("group"), {}, null],
      });
      const { "usr/local/bin/tool": tool, "usr/local/bin/same": same } = treeOf(root);
      expect(tool).toEqual(same);
    },
  );

  test("go where the longest map says, directories and files", () => {
    const root = fresh();
    const entries = [
      file("package/bin/deno", "deno", { mode: 0o644 }),
      file("package/bin/denox", "x"),
      file("package/lib/a", "a"),
      file("package/lib/big/b", "b"),
      hardlink("package/lib/to-big", "package/lib/big/b"),
      symlink("package/lib/link", "big/b"),
      file("package/README", "x"),
    ];
    const maps = [
      { from: "./package/bin/deno", to: "/usr/local/bin/deno" },
      { from: "package/lib", to: "/opt/lib" },
      { from: "package/lib/big/", to: "/big" },
    ];
    expect(graft(root, entries, { maps }).entries).toBe(5);
    const tree = treeOf(root);
    expect(Object.keys(tree).sort()).toEqual(
      [".", "big", "big/b", "opt", "opt/lib", "opt/lib/a", "opt/lib/link", "opt/lib/to-big", "usr"].concat([
        "usr/local",
        "usr/local/bin",
        "usr/local/bin/deno",
      ]),
    );
    expect(tree["opt/lib/to-big"]?.[5]).toBe(sha256Of(Buffer.from("b")));
    expect(graft(root, entries, { maps: [{ from: "package/no", to: "/no" }] }).entries).toBe(0);
    expect(namesOf(root)).toEqual(Object.keys(tree).sort());
    const whole = fresh();
    expect(graft(whole, [directory("./", { mtime: 5 }), ...entries], { maps: everything }).entries).toBe(8);
    expect(treeOf(whole)["."]?.slice(1, 5)).toEqual(["0o755", 0, 0, "5.000000000"]);
  });

  test("are not followed through links in the archive: only names count", () => {
    const root = fresh();
    const entries = [symlink("usr/local", "../opt"), file("opt/bin/x", "x")];
    expect(graft(root, entries, { maps: [{ from: "usr/local/bin", to: "/bin" }] }).entries).toBe(0);
    expect(namesOf(root)).toEqual(["."]);
  });

  test("have executables by pattern, also under a second name, and links that replace files", () => {
    const root = fresh();
    const entries = [
      file("usr/local/bin/one", "1"),
      file("usr/local/bin/deep/two", "2"),
      symlink("usr/local/bin/link", "../data"),
      file("usr/local/data", "data"),
      file("usr/local/lib/a/libexec/three", "3"),
      file("usr/local/first", "4"),
      hardlink("usr/local/bin/first", "usr/local/first"),
      file("usr/local/bin/old", "old"),
      symlink("usr/local/bin/python", "python2"),
    ];
    graft(root, entries, {
      executables: ["/usr/local/bin/*", "/**/libexec/*"],
      links: {
        "/usr/local/bin/old": "one",
        "/usr/local/bin/python": "python3",
        "/opt/new/place": "/usr/local",
      },
    });
    const tree = treeOf(root);
    const executable = Object.keys(tree).filter(
      (path) => tree[path]?.[0] === "-" && tree[path]?.[1] === "0o755",
    );
    expect(executable.sort()).toEqual([
      "usr/local/bin/first",
      "usr/local/bin/one",
      "usr/local/first",
      "usr/local/lib/a/libexec/three",
    ]);
    expect(tree["usr/local/data"]?.[1]).toBe("0o644");
    expect(tree["usr/local/bin/old"]?.slice(0, 6)).toEqual(["l", "0o777", 0, 0, "0.000000000", "one"]);
    expect(tree["usr/local/bin/python"]?.[5]).toBe("python3");
    expect(tree["opt/new/place"]?.[5]).toBe("/usr/local");
    for (const path of ["usr/local/bin", "opt/new"]) expect(tree[path]?.[4]).toBe("0.000000000");
    expect(refusal(entries, { links: { "/usr/local/lib": "x" } })).toEqual({
      code: "DEVENV_GRAFT_FAILED",
      message: "/usr/local/lib: is to be a link and is a directory",
    });
  });

  const lower = [
    directory("usr/local/", { mtime: 1_300_000_000 }),
    file("usr/local/.wh.never", ""),
    ...["gone", "kept", "replaced", "in-place"].map((name) => file(`usr/local/${name}`, `lower ${name}`)),
    ...["removed", "hidden", "again", "partly"].flatMap((name) => [
      directory(`usr/local/${name}/`, { mtime: 1_300_000_001 }),
      file(`usr/local/${name}/lower`, "lower"),
      directory(`usr/local/${name}/deep/`, { mtime: 1_300_000_002 }),
      file(`usr/local/${name}/deep/lower`, "lower"),
    ]),
    directory("usr/local/became-file/"),
    file("usr/local/became-file/x", "x"),
    symlink("usr/local/became-directory", "kept"),
  ];
  const upper = [
    whiteout("usr/local/.wh.gone"),
    whiteout("usr/local/.wh.absent"),
    whiteout("usr/local/.wh.replaced"),
    file("usr/local/replaced", "upper"),
    whiteout("usr/local/.wh.removed"),
    whiteout("usr/local/removed/.wh.lower"),
    directory("usr/local/hidden/", { mtime: 1_350_000_000 }),
    whiteout("usr/local/hidden/.wh..wh..opq"),
    file("usr/local/hidden/upper", "upper"),
    whiteout("usr/local/.wh.again"),
    directory("usr/local/again/"),
    directory("usr/local/again/deep/"),
    file("usr/local/again/deep/upper", "upper"),
    whiteout("usr/local/partly/.wh.deep"),
    file("usr/local/partly/deep/upper", "upper"),
    file("usr/local/became-file", "file"),
    directory("usr/local/became-directory/"),
    whiteout(".wh.other"),
    whiteout("usr/.wh.lib"),
    file("usr/local/in-place", "upper"),
  ];
  const expected = [
    ...[".", "usr", "usr/local"],
    ...["again", "again/deep", "again/deep/upper", "became-directory", "became-file", "hidden"].map(below),
    ...["hidden/upper", "in-place", "kept", "partly", "partly/deep", "partly/deep/upper"].map(below),
    ...["partly/lower", "replaced"].map(below),
  ].sort();

  test("lie upon each other: whiteouts remove what earlier ones left, in whatever order, and nothing of their own", () => {
    const root = stack([lower, upper]);
    const tree = treeOf(root);
    expect(Object.keys(tree).sort()).toEqual(expected);
    expect(tree["usr/local/in-place"]?.[5]).toBe(sha256Of(Buffer.from("upper")));
    // Directories that got or lost something keep the time that an archive gave them.
    expect(tree["usr/local"]?.[4]).toBe("1300000000.000000000");
    expect(tree["usr/local/partly"]?.[4]).toBe("1300000001.000000000");
    expect(tree["usr/local/partly/deep"]?.[4]).toBe("1300000002.000000000");
    expect(tree["usr/local/hidden"]?.[4]).toBe("1350000000.000000000");
    const directories = upper.filter(({ type }) => type === "5");
    const others = upper.filter(({ type }) => type !== "5");
    const backwards = stack([lower, [...directories, ...others.toReversed()]]);
    expect(treeOf(backwards)).toEqual(tree);
    expect(pack(backwards)).toBe(pack(root));
  });

  test("give what an overlay of the whole layers gives", () => {
    const whole = (entries: readonly TarEntry[], index: number): string => {
      const data = tarOf(entries);
      const layer = `whole-${count}-${index}`;
      made.push(layer);
      const digest = `sha256:${sha256Of(data)}`;
      const path = join(host.directory, layer);
      writeFileSync(path, data);
      const options = { store: host.store, root: layer, digest, size: data.length, diffID: digest };
      host.call("unpackLayer", { ...options, compression: "none", file: path });
      return layer;
    };
    const plan = host.plan([
      { kind: "bind", source: join(host.directory, "tree.py"), target: "/tree.py", readonly: true },
    ]);
    // The host's own /usr would hide the layers'.
    const moved = [lower, upper].map((entries) =>
      entries.map((entry) => ({ ...entry, name: entry.name.replace(/^usr\/local/, "t") })),
    );
    const image = { ...plan.root, layers: moved.map(whole) };
    const { code, output } = host.step("python3 /tree.py /t", [], {
      root: image,
      operations: plan.operations,
    } as never);
    expect(code, output).toBe(0);
    const [merged] = JSON.parse(output) as [Tree];
    const names = Object.keys(merged).map((path) => (path === "." ? "usr/local" : `usr/local/${path}`));
    expect(namesOf(stack([lower, upper]))).toEqual([".", "usr", ...names].sort());
  });

  test.each<[what: string, hiding: TarEntry, left: readonly string[]]>([
    ["a map's own place", whiteout("usr/.wh.local"), [".", "big", "big/upper", "opt", "usr"]],
    ["what is above the maps", whiteout(".wh.usr"), [".", "big", "big/upper", "opt", "usr"]],
    ["all there is", whiteout(".wh..wh..opq"), [".", "big", "big/upper", "opt", "usr"]],
    [
      "what is in a map's own place",
      whiteout("usr/local/.wh..wh..opq"),
      [".", "big", "big/upper", "opt", "usr", "usr/local"],
    ],
    [
      "what one map takes of another",
      whiteout("usr/local/big/.wh.lower"),
      [".", "big", "big/upper", "opt", "opt/other", "usr", "usr/local", "usr/local/a"],
    ],
    [
      "something else",
      whiteout("usr/.wh.locale"),
      [".", "big", "big/lower", "big/upper", "opt", "opt/other", "usr", "usr/local", "usr/local/a"],
    ],
  ])("are hidden by a whiteout of %s", (_, hiding, left) => {
    const maps = [
      { from: "usr/local", to: "/usr/local" },
      { from: "usr/local/big", to: "/big" },
      { from: "usr/local/other", to: "/opt/other" },
    ];
    const first = [file("usr/local/a", "a"), file("usr/local/big/lower", "b"), file("usr/local/other", "c")];
    const root = stack([first, [file("usr/local/big/upper", "upper"), hiding]], { maps });
    expect(namesOf(root)).toEqual(left);
  });

  test("have links where everything was removed before", () => {
    const root = stack([[file("usr/local/gone/deep/x", "x")]]);
    graft(root, [whiteout("usr/local/.wh..wh..opq")], { links: { "/usr/local/gone/link": "x" } });
    expect(namesOf(root)).toEqual([".", "usr", "usr/local", "usr/local/gone", "usr/local/gone/link"]);
  });

  test("are emptied at the root, which stays", () => {
    const root = stack(
      [
        [file("a/b", "x"), file("c", "x")],
        [whiteout(".wh..wh..opq"), file("a/d", "x")],
      ],
      { maps: everything },
    );
    expect(namesOf(root)).toEqual([".", "a", "a/d"]);
  });

  test("are as they were made where a link is replaced that an earlier one went through", () => {
    const root = stack([
      [directory("usr/local/real/"), symlink("usr/local/way", "real"), file("usr/local/way/through", "x")],
      [symlink("usr/local/loop", "loop"), whiteout("usr/local/loop/.wh.x"), file("usr/local/way/more", "y")],
      ["loop", "no/such", "real/through"].flatMap((name) => [
        whiteout(`usr/local/${name}/.wh.absent`),
        whiteout(`usr/local/${name}/.wh..wh..opq`),
      ]),
      [directory("usr/local/way/"), file("usr/local/way/own", "z"), whiteout("usr/local/real/.wh.more")],
    ]);
    expect(namesOf(root).map((path) => path.replace("usr/local/", ""))).toEqual([
      ...[".", "usr", "usr/local", "loop", "real", "real/through", "way", "way/own"],
    ]);
  });

  test("are packed into the same layer whoever grafted them, and in as many pieces", () => {
    const parts = [toolchain.slice(0, 7), toolchain.slice(7)];
    const digests = [[toolchain], parts].map((archives) => pack(stack(archives)));
    expect(digests).toEqual(Array(2).fill(digestOfToolchain));
  });

  const out = symlink("usr/local/out", "../../../outside");
  const hostile: readonly [what: string, entries: readonly TarEntry[], message: RegExp][] = [
    ["an absolute name", [file("/etc/x", "x")], /^\/etc\/x: an absolute path/],
    ["a name with ..", [file("usr/local/../../../outside/x", "x")], /^usr\/local\/\.\.\/.*"\.\."/],
    ["a hard link with ..", [hardlink("usr/local/h", "../outside/file")], /^usr\/local\/h: .*"\.\."/],
    [
      "a hard link out of what is taken",
      [file("etc/shadow", "x"), hardlink("usr/local/h", "etc/shadow")],
      /^usr\/local\/h: its hard link target etc\/shadow is not among what is taken$/,
    ],
    [
      "a hard link to nothing",
      [hardlink("usr/local/h", "usr/local/no")],
      /^usr\/local\/h: .*target \/usr\/local\/no/,
    ],
    [
      "a hard link to a directory",
      [directory("usr/local/d/"), hardlink("usr/local/h", "usr/local/d")],
      /^usr\/local\/h: .* is not a file/,
    ],
    [
      "a hard link through a link that leads out",
      [out, hardlink("usr/local/h", "usr/local/out/file")],
      /out\/file/,
    ],
    ["a file through a link that leads out", [out, file("usr/local/out/x", "x")], /^usr\/local\/out\/x: /],
    [
      "a file through an absolute link",
      [symlink("usr/local/out", "/outside"), file("usr/local/out/x", "x")],
      /^usr\/local\/out\/x: /,
    ],
    [
      "a directory through a link that leads out",
      [out, directory("usr/local/out/d/")],
      /^usr\/local\/out\/d: /,
    ],
    ["an entry below a file", [file("usr/local/f", "x"), file("usr/local/f/g", "x")], /^usr\/local\/f\/g: /],
    ["a whiteout of ..", [whiteout("usr/local/.wh...")], /a whiteout of "\.\."/],
    ["a whiteout with a path", [whiteout("usr/local/.wh.a/../../../outside/file")], /"\.\."/],
    ["an entry below a whiteout", [file("usr/local/.wh.a/b", "x")], /below a whiteout/],
    ["a sparse file", [{ name: "s", pax: { "GNU.sparse.major": "1" } }], /^s: a sparse file/],
    ["a size beyond the archive", [{ name: "n", size: "77777777777" }], /^n: the archive ends/],
    ["a name that steers the terminal", [file("/a\u001b[2J\nb", "x")], /^\/a\?\[2J\?b: an absolute/],
  ];

  describe.each([
    ["alone", false],
    ["over an earlier one", true],
  ])("and refused %s", (_, over) => {
    test.each(hostile)("with %s, and the message names it", (_, entries, message) => {
      const outside = join(host.store, "outside");
      mkdirSync(outside, { recursive: true, mode: 0o777 });
      writeFileSync(join(outside, "file"), "untouched");
      const root = over ? stack([[file("usr/local/earlier", "x")]]) : fresh();
      const { code, message: text } = refusal(entries, {}, root);
      expect(text).toMatch(message);
      expect(code).toBe("DEVENV_GRAFT_FAILED");
      expect(readdirSync(outside)).toEqual(["file"]);
      expect(readFileSync(join(outside, "file"), "utf8")).toBe("untouched");
      expect(lstatSync(join(outside, "file")).nlink).toBe(1);
      for (const path of ["/outside", "/etc/x"]) expect(existsSync(path)).toBe(false);
      rmSync(outside, { recursive: true });
    });
  });

  test("remove nothing through links that lead out", () => {
    const outside = join(host.store, "outside");
    mkdirSync(outside, { recursive: true, mode: 0o777 });
    writeFileSync(join(outside, "file"), "untouched");
    const absolute = symlink("usr/local/absolute", join(outside));
    const root = stack([
      [out, absolute],
      ["out", "absolute"].flatMap((name) => [
        whiteout(`usr/local/${name}/.wh.file`),
        whiteout(`usr/local/${name}/.wh..wh..opq`),
      ]),
      [whiteout("usr/local/.wh.out"), whiteout("usr/local/absolute/x/.wh.file")],
    ]);
    expect(readFileSync(join(outside, "file"), "utf8")).toBe("untouched");
    expect(namesOf(root)).toEqual([".", "usr", "usr/local", "usr/local/absolute"]);
    rmSync(outside, { recursive: true });
  });

  test("are refused when the root would be no directory, or lies deeper than anything", () => {
    expect(refusal([file("f", "x")], { maps: [{ from: "f", to: "/" }] }).message).toBe(
      "f: is to become the root and is not a directory",
    );
    const way = "d/".repeat(200);
    const deep = [
      { name: "x", pax: { path: `${way}x` } },
      { name: "way", type: "2", link: "x", pax: { linkpath: way } },
      { name: "x", pax: { path: `way/${way}x` } },
    ];
    const root = stack([deep], { maps: everything });
    expect(refusal([], {}, root).message).toMatch(/^\/d\/d\/.*: is too deep$/);
    const long = Array(16).fill("n".repeat(250)).join("/");
    const longer = { name: "x", content: "x", pax: { path: `${long}/x` } };
    expect(refusal([longer], { maps: [{ from: "", to: `/${"t".repeat(250)}` }] }).message).toMatch(
      /^n+.*: below \/t+ the path would be longer than 4094 bytes/,
    );
  });

  const good = tarOf(toolchain);
  const gz = gzipSync(good);
  const zeros = `sha256:${"0".repeat(64)}` as const;
  const sha512 = `sha512:${createHash("sha512").update(gz).digest("hex")}`;

  test("are checked as far as anything is known of them", () => {
    const diffID = `sha256:${sha256Of(good)}` as const;
    const known: Changes[] = [
      { digest: sha512 },
      { digest: `sha256:${sha256Of(gz)}`, size: gz.length, diffID },
      { size: gz.length },
      { diffID },
    ];
    for (const changes of known)
      expect(graft(fresh(), [], { data: gz, compression: "gzip", ...changes }).diffID).toBe(diffID);
  });

  test.each<[what: string, changes: Changes, code: string, message: RegExp]>([
    [
      "another digest",
      { digest: zeros },
      "LAYER_TRANSFER",
      /^the compressed archive has the digest sha256:\w{64}, not/,
    ],
    [
      "another SHA-512",
      { digest: sha512.replace(/.$/, (end) => (end === "0" ? "1" : "0")) },
      "LAYER_TRANSFER",
      /has the digest sha512:\w{128}, not sha512:/,
    ],
    ["more bytes than announced", { size: 100 }, "LAYER_TRANSFER", /longer than 100 bytes/],
    ["fewer bytes than announced", { size: gz.length + 1 }, "LAYER_TRANSFER", /ended after/],
    ["another diffID", { diffID: zeros }, "GRAFT_FAILED", /diffID is sha256:\w{64}, not sha256:0+ /],
    ["an end that is cut off", { data: gz.subarray(0, -9) }, "GRAFT_FAILED", /gzip data is cut off/],
    [
      "an end that is cut off, and a digest",
      { data: gz.subarray(0, -9), digest: sha512 },
      "LAYER_TRANSFER",
      /has the digest/,
    ],
    ["no end mark", { data: good.subarray(0, -1024), compression: "none" }, "GRAFT_FAILED", /no end mark/],
    ["damaged zstd", { data: gz, compression: "zstd" }, "GRAFT_FAILED", /zstd data is damaged/],
  ])("are refused with %s", (_, changes, code, message) => {
    expect(refusal([], { data: gz, compression: "gzip", ...changes })).toEqual({
      code: `DEVENV_${code}`,
      message: expect.stringMatching(message),
    });
  });

  test.each<[what: string, changes: Changes, message: RegExp]>([
    ["no map", { maps: [] }, /--map are needed/],
    [
      "a map twice",
      { maps: [...local, { from: "./usr/local/", to: "/x" }] },
      /^--map \.\/usr\/local\/: twice/,
    ],
    [
      "a map that leads out of the archive",
      { maps: [{ from: "../x", to: "/x" }] },
      /^--map \.\.\/x: .*"\.\."/,
    ],
    ["a map to a relative place", { maps: [{ from: "x", to: "x" }] }, /^--map x: an absolute path/],
    ["a map that leads out of the root", { maps: [{ from: "x", to: "/../x" }] }, /^--map \.\.\/x: .*"\.\."/],
    ["a link in place of the root", { links: { "/": "x" } }, /^--symlink \/ x: /],
    ["a link to nothing", { links: { "/x": "" } }, /^--symlink \/x : /],
    ["a digest that is none", { digest: "sha1:00" }, /^--digest sha1:00: not a digest/],
    [
      "a root that leads out of the store",
      { root: "../x" },
      /^\.\. cannot be opened in the store|^\.\.\/x cannot be opened/,
    ],
    ["a root that has no place", { root: "no/such" }, /^no cannot be opened in the store/],
  ])("need a plan that makes sense: %s", (_, changes, message) => {
    const options = { ...optionsOf(fresh(), [], {}), ...changes };
    const { code, message: text } = host.failure("graftArchive", options);
    expect(text).toMatch(message);
    expect(code).toBe("DEVENV_GRAFT_FAILED");
  });
});

describe("graftArchive", () => {
  let host: Host;
  const [tester] = testers().slice(0, 1);
  if (tester === undefined) throw new Error("nobody tests");
  beforeAll(() => {
    host = new Host(tester);
  });
  afterEach(() => removePaths(host.store, ["root"]));
  afterAll(() => host.close());
  const options = (input: Readable) =>
    ({ store: host.store, root: "root", compression: "none", maps: everything, input }) as const;

  test("stops at an archive that was made to fill the disk", async () => {
    const zeros = packed(Buffer.alloc(1024 * 1024), "zstd");
    const header = tarOf([{ name: "bomb", size: "40000000000" }], { endMark: false });
    const data = Buffer.concat([packed(header, "zstd"), ...Array<Buffer>(1200).fill(zeros)]);
    const attempt = graftArchive({
      ...options(Readable.from([data])),
      compression: "zstd",
      maps: local,
    });
    await expect(attempt).rejects.toMatchObject({
      code: "DEVENV_GRAFT_FAILED",
      message: "the archive is more than 100 times as large as what came",
    });
  });

  test.each([0, 50])("ends when it is to, and fails with what its input failed with (%i)", async (delay) => {
    const abort = new AbortController();
    const half = (then: (body: Readable) => void): Readable => {
      const body = new Readable({ read: () => undefined });
      body.push(tarOf([file("x", "x")]).subarray(0, 700));
      // At once is before the program has started.
      if (delay === 0) queueMicrotask(() => then(body));
      else setTimeout(() => then(body), delay);
      return body;
    };
    const aborted = { ...options(half(() => abort.abort(new Error("enough")))), signal: abort.signal };
    await expect(graftArchive(aborted)).rejects.toThrow("enough");
    const broken = options(half((body) => body.destroy(new Error("connection lost"))));
    await expect(graftArchive(broken)).rejects.toThrow("connection lost");
  });
});

function packed(tar: Buffer, compression: Compression): Buffer {
  if (compression === "gzip") return gzipSync(tar);
  return compression === "none"
    ? tar
    : execFileSync("zstd", ["-q", "-c"], { input: tar, maxBuffer: 100_000_000 });
}

function below(path: string): string {
  return `usr/local/${path}`;
}

import type { TarEntry } from "../support/archives.ts";

/**
 * What has to come of an archive: a refusal with this message, or that it ends inside. Then each path of the layer is a
 * file with this content, a link to `link`, the same file as `same`, or not there (null).
 */
export type Expected = RegExp | Readonly<Record<string, Found>>;
export type Found = string | { readonly link: string } | { readonly same: string } | null;
export type HostileArchive = readonly [name: string, entries: readonly TarEntry[], expected: Expected];

const directory = (name: string): TarEntry => ({ name, type: "5" });
const file = (name: string, content = "inside"): TarEntry => ({ name, content });
const symlink = (link: string, name: string): TarEntry => ({ name, type: "2", link });
const hardlink = (link: string, name: string): TarEntry => ({ name, type: "1", link });
/** Of names that a header has no room for. */
const long = (entry: TarEntry): TarEntry => ({
  ...entry,
  name: "long",
  link: entry.link === undefined ? "" : "long",
  pax: { path: entry.name, ...(entry.link === undefined ? {} : { linkpath: entry.link }) },
});
const passwd = [directory("etc"), file("/etc/passwd")];
const same = { "etc/passwd": "inside", localpasswd: { same: "etc/passwd" } };

/**
 * containerd's break-outs, by the names of its own test (pkg/archive/tar_test.go, TestBreakouts). What it has in the
 * directory before comes first in the layer. It takes names and targets that begin with "/" or hold ".." for ones
 * below the root; here they are refused as they stand, and without the "/" have to come out as this says.
 */
export const containerd: readonly HostileArchive[] = [
  [
    "SymlinkAbsolute",
    [directory("etc"), symlink("/etc", "localetc"), file("/localetc/unbroken")],
    { "etc/unbroken": "inside", localetc: { link: "/etc" } },
  ],
  [
    "SymlinkUpAndOut",
    [directory("etc"), directory("dummy"), symlink("/dummy/../etc", "localetc"), file("/localetc/unbroken")],
    { "etc/unbroken": "inside" },
  ],
  [
    "SymlinkMultipleAbsolute",
    [
      ...[directory("etc"), directory("dummy"), symlink("/etc", "/dummy/etc")],
      ...[symlink("/dummy/etc", "localetc"), file("/dummy/etc/unbroken")],
    ],
    { "etc/unbroken": "inside" },
  ],
  [
    "SymlinkMultipleRelative",
    [
      ...[directory("etc"), directory("dummy"), symlink("/etc", "/dummy/etc")],
      ...[symlink("./dummy/etc", "localetc"), file("/dummy/etc/unbroken")],
    ],
    { "etc/unbroken": "inside" },
  ],
  [
    "SymlinkEmptyFile",
    [
      ...[directory("etc"), file("etc/emptied", "not empty"), symlink("/etc", "localetc")],
      file("/localetc/emptied", ""),
    ],
    { "etc/emptied": "" },
  ],
  [
    "HardlinkRelative",
    [
      ...[...passwd, directory("breakouts"), symlink("../../etc", "breakouts/d1")],
      hardlink("/breakouts/d1/passwd", "breakouts/mypasswd"),
    ],
    { "breakouts/mypasswd": { same: "etc/passwd" } },
  ],
  [
    "HardlinkDownAndOut",
    [
      ...[...passwd, directory("breakouts"), directory("downandout")],
      symlink("../downandout/../../etc", "breakouts/d1"),
      hardlink("/breakouts/d1/passwd", "breakouts/mypasswd"),
    ],
    { "breakouts/mypasswd": { same: "etc/passwd" } },
  ],
  [
    "HardlinkAbsolute",
    [...passwd, symlink("/etc", "localetc"), hardlink("/localetc/passwd", "localpasswd")],
    same,
  ],
  [
    "HardlinkRelativeLong",
    [
      ...[...passwd, symlink("../../../../../../../etc", "localetc")],
      hardlink("/localetc/passwd", "localpasswd"),
    ],
    same,
  ],
  [
    "HardlinkRelativeUpAndOut",
    [
      ...[...passwd, symlink("upandout/../../../etc", "localetc")],
      hardlink("/localetc/passwd", "localpasswd"),
    ],
    /^\/localpasswd: .*localetc\/passwd/,
  ],
  [
    "HardlinkDirectRelative",
    [...passwd, hardlink("../../../../../etc/passwd", "localpasswd")],
    /^localpasswd: .*"\.\."/,
  ],
  ["HardlinkDirectAbsolute", [...passwd, hardlink("/etc/passwd", "localpasswd")], same],
  [
    "SymlinkParentDirectory",
    [...passwd, symlink("/etc/", ".."), hardlink("/etc/passwd", "localpasswd")],
    /^\.\.: .*"\.\."/,
  ],
  [
    "SymlinkEmptyFilename",
    [...passwd, symlink("/etc/", ""), hardlink("/etc/passwd", "localpasswd")],
    /^an entry without a name is refused$/,
  ],
  [
    "SymlinkParentRelative",
    [...passwd, symlink("/etc/", "localetc/sub/.."), hardlink("/etc/passwd", "/localetc/localpasswd")],
    /^localetc\/sub\/\.\.: .*"\.\."/,
  ],
  [
    "SymlinkSlashEnded",
    [...passwd, directory("localetc/"), hardlink("/etc/passwd", "/localetc/localpasswd")],
    { "localetc/localpasswd": { same: "etc/passwd" } },
  ],
  [
    "SymlinkOverrideDirectory",
    [
      ...[...passwd, directory("localetc"), symlink("/etc", "localetc")],
      hardlink("/etc/passwd", "/localetc/localpasswd"),
    ],
    { localetc: { link: "/etc" }, "etc/localpasswd": { same: "etc/passwd" } },
  ],
  [
    "SymlinkOverrideDirectoryRelative",
    [
      ...[...passwd, directory("localetc"), symlink("../../etc", "localetc")],
      hardlink("/etc/passwd", "/localetc/localpasswd"),
    ],
    { localetc: { link: "../../etc" }, "etc/localpasswd": { same: "etc/passwd" } },
  ],
  [
    "DirectoryOverrideSymlink",
    [
      ...[...passwd, symlink("/etc", "localetc"), directory("/localetc/")],
      hardlink("/etc/passwd", "/localetc/localpasswd"),
    ],
    { "localetc/localpasswd": { same: "etc/passwd" }, "etc/localpasswd": null },
  ],
  [
    "DirectoryOverrideSymlinkAndHardlink",
    [
      ...[...passwd, symlink("etc", "localetc"), hardlink("/etc/passwd", "/localetc/localpasswd")],
      ...[directory("/localetc/"), file("/localetc/localpasswd", "different")],
    ],
    { "localetc/localpasswd": "different", "etc/passwd": "inside" },
  ],
  ["WhiteoutRootParent", [...passwd, file(".wh...", "")], /^\/\.wh\.\.\.: a whiteout of "\.\."/],
  ["WhiteoutParent", [...passwd, file("etc/.wh...", "")], /^\/etc\/\.wh\.\.\.: a whiteout of "\.\."/],
  ["WhiteoutRoot", [...passwd, file(".wh..", "")], /^\/\.wh\.\.: a whiteout of "\."/],
  ["WhiteoutCurrentDirectory", [...passwd, file("etc/.wh..", "")], /^\/etc\/\.wh\.\.: a whiteout of "\."/],
  [
    "WhiteoutSymlink",
    [...passwd, symlink("/etc", "localetc"), file(".wh.localetc", "")],
    // A whiteout is about the layers below, never about its own.
    { "etc/passwd": "inside", localetc: { link: "/etc" } },
  ],
  [
    "WhiteoutSymlinkPath",
    [...passwd, file("etc/whitedout"), symlink("/etc", "localetc"), file("localetc/.wh.whitedout", "")],
    { "etc/passwd": "inside", "etc/whitedout": "inside" },
  ],
  [
    "WhiteoutDirectoryName",
    [...passwd, symlink("/etc", "localetc"), file(".wh.etc/somefile", "non-empty")],
    /^\/\.wh\.etc\/somefile: below a whiteout/,
  ],
  [
    "WhiteoutDeadSymlinkParent",
    [...passwd, symlink("/dne", "localetc"), file("localetc/.wh.etc", "")],
    /^\/localetc/,
  ],
  [
    "WhiteoutRelativePath",
    [...passwd, symlink("/dne", "localetc"), file("dne/../.wh.etc", "")],
    /^dne\/\.\.\/\.wh\.etc: .*"\.\."/,
  ],
  [
    "HardlinkSymlinkBeforeCreateTarget",
    [
      ...[
        directory("etc"),
        symlink("/etc/passwd", "localpasswd"),
        hardlink("localpasswd", "localpasswd-dup"),
      ],
      file("/etc/passwd", "after"),
    ],
    { "localpasswd-dup": { link: "/etc/passwd" }, "etc/passwd": "after" },
  ],
  [
    "HardlinkSymlinkRelative",
    [...passwd, symlink("../../../../../etc/passwd", "passwdlink"), hardlink("/passwdlink", "localpasswd")],
    { localpasswd: { link: "../../../../../etc/passwd" }, "etc/passwd": "inside" },
  ],
  [
    "HardlinkSymlinkAbsolute",
    [...passwd, symlink("/etc/passwd", "passwdlink"), hardlink("/passwdlink", "localpasswd")],
    { localpasswd: { link: "/etc/passwd" }, "etc/passwd": "inside" },
  ],
  [
    "HardlinkSymlinkChmod",
    [symlink("../outside/kept", "exists"), { ...hardlink("exists", "sketchylink"), mode: 0o777 }],
    { sketchylink: { link: "../outside/kept" } },
  ],
];

/** umoci's (oci/layer/tar_extract_test.go), and what it was mended for. */
export const umoci: readonly HostileArchive[] = [
  ["SanitiseScoping: GarbagePrefix", [file("/../outside/x")], /outside\/x: /],
  ["SanitiseScoping: DotDotPrefix", [file("../outside/x")], /^\.\.\/outside\/x: .*"\.\."/],
  ...(
    [
      ["RootPrefix", "/"],
      ["GarbagePrefix1", "/../"],
      ["GarbagePrefix2", "/../../../../../../../../../../../../../../../"],
      ["GarbagePrefix3", "/./.././.././.././.././.././.././.././.././../"],
      ["DotDotPrefix", "../"],
    ] as const
  ).map(
    ([name, prefix]): HostileArchive => [
      `SymlinkScoping: ${name}`,
      [directory("outside"), symlink(`${prefix}outside`, "link"), file("link/file")],
      { "outside/file": "inside" },
    ],
  ),
  ["NonDirParent", [file("a"), file("a/b")], /^\/a\/b: /],
  ["Whiteout: EmptyWhiteoutName-Root", [file(".wh.", "")], /^\/\.wh\.: a whiteout of ""/],
  ["Whiteout: EmptyWhiteoutName", [directory("some/path"), file("some/path/.wh.", "")], /a whiteout of ""/],
  [
    "OpaqueWhiteout: TwoLevel",
    [
      ...[directory("dir"), symlink("../../../../../../outside/kept", "dir/verybadlink")],
      ...[symlink("/../../../../../../outside/kept", "dir/verybadlink2"), file(".wh..wh..opq", "")],
    ],
    { "dir/verybadlink": { link: "../../../../../../outside/kept" } },
  ],
  [
    "OpaqueWhiteout: through a link",
    [symlink("../../../outside", "level2_link"), file("level2_link/.wh..wh..opq", "")],
    /^\/level2_link: /,
  ],
  ["Hardlink: to the root", [file("regular"), hardlink("/regular", "link")], { link: { same: "regular" } }],
  ["Hardlink: upwards", [file("regular"), hardlink("../../../regular", "link")], /^link: .*"\.\."/],
  [
    "Hardlink: of a symlink upwards",
    [symlink("regular", "symbolic"), hardlink("../../../symbolic", "link")],
    /^link: .*"\.\."/,
  ],
  ["the root becomes a link (CVE-2021-29136)", [symlink("../outside", "."), file("x")], /^\.: the root/],
  ["the root becomes a link, by a slash", [symlink("../outside", "./"), file("x")], /^\.\/: the root/],
  ["the root becomes a file", [file("."), file("x")], /^\.: the root/],
  ["the root becomes a hard link", [file("x"), hardlink("x", "./")], /^\.\/: the root/],
  ["dirlinks that end in each other", [symlink("b", "a"), symlink("a", "b"), file("a/x")], /^\/a\/x: /],
];

/** node-tar's history: its advisories, and what its tests have for them. */
export const nodeTar: readonly HostileArchive[] = [
  [
    "a directory known before becomes a link (CVE-2021-32803)",
    [directory("x"), symlink("../outside", "x"), file("x/kept", "changed")],
    /^\/x\/kept: /,
  ],
  [
    "several slashes before an absolute path (CVE-2021-32804)",
    [file("////outside/x")],
    /^\/{1,4}outside\/x: an abs/,
  ],
  [
    "backslashes as separators (CVE-2021-37701)",
    [
      ...[directory("a"), directory("a\\x"), symlink("../outside", "a/x"), directory("a/x\\")],
      ...[file("a\\x/kept", "kept inside"), file("a/x/kept", "changed")],
    ],
    /^\/a\/x\/kept: /,
  ],
  [
    "one name in two normal forms of Unicode (CVE-2021-37712)",
    [directory("caf\u00e9"), symlink("../outside", "cafe\u0301"), file("caf\u00e9/kept", "kept inside")],
    { "caf\u00e9/kept": "kept inside", "cafe\u0301": { link: "../outside" } },
  ],
  [
    "a drive of Windows (CVE-2021-37713, CVE-2026-29786, CVE-2026-31802)",
    [file("c:..\\..\\outside\\x"), file("c:/x")],
    { "c:..\\..\\outside\\x": "inside", "c:/x": "inside" },
  ],
  [
    "very deep directories (CVE-2024-28863)",
    [long(file(`${"a/".repeat(2000)}x`)), file("last")],
    { last: "inside" },
  ],
  ["deeper than a path can be", [long(file(`${"a/".repeat(2100)}x`))], /^(a\/)+.*a path longer than/],
  [
    "a hard link to an absolute path (CVE-2026-23745)",
    [hardlink("/outside/kept", "exploit"), file("exploit", "changed")],
    /^\/exploit: .*outside\/kept/,
  ],
  [
    "an absolute symbolic link, written through (CVE-2026-23745)",
    [symlink("/outside/kept", "exploit"), file("exploit", "kept inside")],
    { exploit: "kept inside" },
  ],
  [
    "a hard link out of a directory below (CVE-2026-24842)",
    [directory("sub"), hardlink("../outside/kept", "sub/exploit")],
    /^sub\/exploit: .*"\.\."/,
  ],
  [
    "ligatures and letters that fold to others (CVE-2026-23950)",
    [
      ...[file("collision_ss", "one"), symlink("../outside/kept", "collision_\u00df")],
      file("collision_ss", "two"),
    ],
    { collision_ss: "two", "collision_\u00df": { link: "../outside/kept" } },
  ],
  [
    "a link in the place of a file that is written next",
    [symlink("../outside/kept", "victim"), file("victim", "changed")],
    { victim: "changed" },
  ],
  ...(["1", "2"] as const).map(
    (type): HostileArchive => [
      `a ${type === "1" ? "hard" : "symbolic"} link through links that go up one by one (CVE-2026-26960)`,
      [
        ...[directory("a/b"), symlink("../..", "a/b/up"), symlink("up/..", "a/b/escape")],
        { name: "exploit", type, link: "a/b/escape/outside/kept" },
        file("exploit", "changed"),
      ],
      type === "1" ? /^\/exploit: .*a\/b\/escape\/outside\/kept/ : { exploit: "changed" },
    ],
  ),
  [
    "a size for the next file that a long name in between does not take",
    [
      { name: "x", type: "x", content: "12 size=512\n" },
      { name: "n", type: "L", content: "long-name\0" },
      { name: "cut", size: "00000000000", content: "c".repeat(512) },
      file("after"),
    ],
    { "long-name": "c".repeat(512), after: "inside" },
  ],
];

const part = "d".repeat(247);
const steps = [..."abcdefghijklmnop"];

/** Of other extractors. */
export const others: readonly HostileArchive[] = [
  [
    "tar-fs: a hard link to a link that leads out (CVE-2025-48387)",
    [symlink("../outside/kept", "first"), hardlink("first", "second"), file("second", "changed")],
    { second: "changed", first: { link: "../outside/kept" } },
  ],
  [
    "tar-fs: a link whose target begins like the root (CVE-2025-59343)",
    [symlink("../outside-too", "link"), file("link/x")],
    /^\/link\/x: /,
  ],
  [
    "Python: links too long to be resolved (CVE-2025-4517)",
    [
      ...steps.flatMap((step, index) => {
        const place = `${part}/`.repeat(index);
        return [long(directory(`${place}${part}/`)), long(symlink(part, `${place}${step}`))];
      }),
      long(symlink("../".repeat(16), `${steps.join("/")}/${"l".repeat(254)}`)),
      long(symlink(`${steps.join("/")}/${"l".repeat(254)}/../outside`, "escape")),
      hardlink("escape/kept", "flag"),
      file("flag", "changed"),
    ],
    /^\/flag: .*escape\/kept/,
  ],
];

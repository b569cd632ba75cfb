import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { packageUrls, resolveMirrors } from "../../../src/sources/debian/index.ts";
import { publicMirrors } from "../../../src/sources/debian/mirrors.ts";

let directory: string;
let environment: Record<string, string>;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "devenv-test-"));
  environment = { XDG_CONFIG_HOME: join(directory, "config") };
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

function resolve() {
  return resolveMirrors({ environment, aptDirectory: join(directory, "apt") });
}

async function writeApt(file: string, text: string): Promise<void> {
  await mkdir(join(directory, "apt", "sources.list.d"), { recursive: true });
  await writeFile(join(directory, "apt", file), text);
}

async function writeSettings(text: string): Promise<string> {
  const file = join(directory, "config", "devenv", "settings.jsonc");
  await mkdir(join(file, ".."), { recursive: true });
  await writeFile(file, text);
  return file;
}

describe("the host's apt sources", () => {
  test("a host without apt uses the public mirrors", () => {
    expect(resolve()).toEqual(publicMirrors);
  });

  test("lines of sources.list, first", async () => {
    await writeApt(
      "sources.list",
      `# deb http://comment.example/debian bookworm main
deb http://one.example/debian/ bookworm main contrib # the nearest
deb [ arch=amd64 signed-by=/usr/share/keyrings/x.gpg ] https://two.example/pub/debian bookworm-updates main
deb http://one.example/debian bookworm-updates main
deb-src http://source.example/debian bookworm main
deb\thttp://three.example/debian-security\tbookworm-security\tmain
`,
    );
    expect(resolve()).toEqual({
      debian: ["http://one.example/debian", "https://two.example/pub/debian", ...publicMirrors.debian],
      "debian-security": ["http://three.example/debian-security", ...publicMirrors["debian-security"]],
    });
  });

  test("stanzas of .sources files, in the order of the files' names", async () => {
    await writeApt(
      "sources.list.d/b.sources",
      `# the main archive
Types: deb deb-src
# Old: http://comment.example/debian
URIs: http://one.example/debian
 http://two.example/debian
Suites: bookworm bookworm-updates
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
\t
types: deb
uris: http://three.example/debian-security/
suites: bookworm-security
components: main non-free`,
    );
    await writeApt("sources.list.d/a.list", "deb http://zero.example/debian bookworm main\n");
    await writeApt("sources.list.d/c.list.disabled", "deb http://off.example/debian bookworm main\n");
    expect(resolve()).toEqual({
      debian: [
        "http://zero.example/debian",
        "http://one.example/debian",
        "http://two.example/debian",
        ...publicMirrors.debian,
      ],
      "debian-security": ["http://three.example/debian-security", ...publicMirrors["debian-security"]],
    });
  });

  test("other archives, other transports and flat archives are passed over", async () => {
    await writeApt(
      "sources.list",
      `deb http://archive.example/ubuntu jammy main
deb https://docker.example/linux/debian bookworm stable
deb cdrom:[Debian]/debian bookworm main
deb file:/mnt/debian bookworm main
deb mirror+file:/etc/apt/mirrors/debian bookworm main
deb http://snapshot.example/archive/debian/20240101T000000Z bookworm main
deb http://flat.example/debian ./
deb http://apt.example/debian/pool bookworm main
deb
`,
    );
    expect(resolve()).toEqual(publicMirrors);
  });
});

describe("settings", () => {
  test("of the environment stand alone, before those of the file and the host", async () => {
    await writeApt("sources.list", "deb http://host.example/debian bookworm main\n");
    await writeSettings('{"mirrors": {"debian": "http://file.example/debian"}}');
    environment["DEVENV_DEBIAN_MIRROR"] = "https://user.example/debian//";
    environment["DEVENV_DEBIAN_SECURITY_MIRROR"] = "";
    expect(resolve()).toEqual({ ...publicMirrors, debian: ["https://user.example/debian"] });
  });

  test("of the file, one URL or several", async () => {
    await writeApt("sources.list", "deb http://host.example/debian bookworm main\n");
    await writeSettings(`{
      // the office's
      "mirrors": { "debian": ["http://a.example/debian", "http://b.example/debian/"], },
      "something else": 1
    }`);
    expect(resolve()).toEqual({
      ...publicMirrors,
      debian: ["http://a.example/debian", "http://b.example/debian"],
    });
  });

  test("without $XDG_CONFIG_HOME are below the home directory", async () => {
    environment = { HOME: directory };
    await mkdir(join(directory, ".config/devenv"), { recursive: true });
    await writeFile(
      join(directory, ".config/devenv/settings.jsonc"),
      '{"mirrors": {"debian-security": "http://s.example/d"}}',
    );
    expect(resolve()["debian-security"]).toEqual(["http://s.example/d"]);
  });

  test.each([
    ["{", "settings.jsonc:1: CloseBraceExpected"],
    ["[]", "settings.jsonc: found no object"],
    ['{"mirrors": "http://a.example"}', 'mirrors: found "http://a.example"'],
    ['{"mirrors": {"debain": "http://a.example"}}', 'unknown archive "debain"'],
    ['{"mirrors": {"debian": 5}}', "mirrors.debian: found 5"],
    ['{"mirrors": {"debian": []}}', "mirrors.debian: found []"],
    [
      '{"mirrors": {"debian": "ftp://a.example"}}',
      'mirrors.debian: "ftp://a.example" is no http: or https: URL',
    ],
  ])("that make no sense are refused: %s", async (text, message) => {
    await writeSettings(text);
    expect(resolve).toThrow(expect.objectContaining({ code: "DEVENV_SETTINGS_INVALID", usage: true }));
    expect(resolve).toThrow(message);
  });

  test("of the environment that make no sense are refused", () => {
    environment["DEVENV_DEBIAN_MIRROR"] = "mirror.example/debian";
    expect(resolve).toThrow('$DEVENV_DEBIAN_MIRROR: "mirror.example/debian" is no http: or https: URL');
  });
});

describe("the URLs of a package", () => {
  const mirrors = {
    debian: ["http://a/debian", "http://b/debian"],
    "debian-security": ["http://s/debian-security"],
  };

  test("are below each mirror of its archive", () => {
    const path = "pool/main/g/g++/g++_1.0~rc1+b1_amd64.deb";
    expect(packageUrls(mirrors, { archive: "debian", path })).toEqual([
      `http://a/debian/${path}`,
      `http://b/debian/${path}`,
    ]);
    expect(packageUrls(mirrors, { archive: "debian-security", path })).toEqual([
      `http://s/debian-security/${path}`,
    ]);
  });

  test("of an unknown archive are none", () => {
    expect(() => packageUrls(mirrors, { archive: "ubuntu", path: "pool/x" })).toThrow(
      expect.objectContaining({ code: "DEVENV_ARCHIVE_UNKNOWN" }),
    );
  });
});

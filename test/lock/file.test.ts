import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DevenvError } from "../../src/errors.ts";
import { formatLock, type Lock, parseLock, readLock, writeLock } from "../../src/lock/index.ts";
import { sampleCommand, sampleLock } from "./fixture.ts";

function errorOf(text: string): DevenvError {
  try {
    parseLock(text, "devenv.lock");
  } catch (error) {
    if (error instanceof DevenvError) return error;
    throw error;
  }
  throw new Error("the lock was accepted");
}

type Alter = (lock: Record<string, never>) => void;

/** The message for the sample lock after a change that its types forbid. */
function messageAfter(alter: Alter): string {
  const lock = JSON.parse(formatLock(sampleLock()));
  alter(lock);
  const error = errorOf(JSON.stringify(lock));
  expect(error.code).toBe("DEVENV_LOCK_INVALID");
  expect(error.usage).toBe(true);
  return error.message;
}

describe("the canonical form", () => {
  const text = formatLock(sampleLock());

  test("is stable over reading and writing", () => {
    const once = parseLock(text, "devenv.lock");
    expect(once).toEqual(sampleLock());
    expect(formatLock(once)).toBe(text);
  });

  test("does not depend on the order of keys", () => {
    const reversed = JSON.parse(text, (_, value) =>
      typeof value === "object" && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).reverse())
        : value,
    ) as Lock;
    expect(formatLock(reversed)).toBe(text);
  });

  test("has sorted keys, two spaces, a final newline, and leaves out what is absent", () => {
    expect(text.startsWith('{\n  "lockVersion": 1,\n  "platforms": {')).toBe(true);
    expect(text.endsWith("}\n")).toBe(true);
    expect(text.match(/"stage"/g)).toHaveLength(2);
    const keys = [...text.matchAll(/^ {2}"(\w+)"/gm)].map((match) => match[1]);
    expect(keys).toEqual(["lockVersion", "platforms", "request"]);
  });

  test("is not demanded when reading: another layout of the same data is accepted", () => {
    expect(parseLock(JSON.stringify(sampleLock()), "devenv.lock")).toEqual(sampleLock());
    expect(parseLock(text.replaceAll("\n", "\r\n"), "devenv.lock")).toEqual(sampleLock());
  });
});

describe("a hostile or damaged lock is refused", () => {
  const first = 'platforms["linux/amd64"].packages[0]';
  const packageOf = (lock: Record<string, never>): Record<string, unknown> => {
    const { platforms } = lock as unknown as {
      platforms: Record<string, { packages: Record<string, unknown>[] }>;
    };
    return platforms["linux/amd64"]?.packages[0] ?? {};
  };

  test.each([
    ["path", "pool/../../../etc/passwd.deb"],
    ["path", "pool/main/g/git/../../x.deb"],
    ["path", "pool/./git.deb"],
    ["path", "/pool/main/git.deb"],
    ["path", "../pool/git.deb"],
    ["path", "pool//git.deb"],
    ["path", "pool/main/git"],
    ["path", "pool/main/.deb"],
    ["path", "pool/main/git.deb\n"],
    ["path", "pool/main/git.deb?x=.deb"],
    ["path", "pool/main/git\0.deb"],
    ["path", "pool\\main\\git.deb"],
    ["path", "https://example.org/pool/git.deb"],
    ["path", ["pool/main/git.deb"]],
    ["sha256", "A".repeat(64)],
    ["sha256", "a".repeat(63)],
    ["sha256", "a".repeat(65)],
    ["sha256", `../${"a".repeat(61)}`],
    ["sha256", `${"a".repeat(64)}\n`],
    ["sha256", null],
    ["size", -1],
    ["size", 0],
    ["size", 1.5],
    ["size", 2 ** 53],
    ["size", "1234"],
    ["name", "--force"],
    ["name", "git;reboot"],
    ["name", "../git"],
    ["name", ""],
    ["name", "tzdata"],
    ["version", "1:2 3"],
    ["version", "-1"],
    ["version", ""],
    ["architecture", "arm64"],
    ["architecture", "any"],
    ["archive", "evil"],
    ["archive", "https://example.org"],
    ["stage", -1],
    ["stage", 0.5],
    ["surprise", true],
  ])("package %s %j", (key, value) => {
    const message = messageAfter((lock) => {
      packageOf(lock)[key] = value;
    });
    expect(message).toContain(key === "name" && value === "tzdata" ? "each package once" : first);
    expect(message.split("\n")).toHaveLength(1);
  });

  test.each([
    ["request", null],
    ["platforms", {}],
    ["platforms", []],
    ["lockVersion", "1"],
    ["lockVersion", null],
  ])("%s %j", (key, value) => {
    expect(messageAfter((lock) => Object.assign(lock, { [key]: value }))).toContain(
      `devenv.lock: ${key}: found`,
    );
  });

  const request = { base: "debian:12", packages: [], platforms: ["linux/amd64"] };
  test.each<[object, string]>([
    [{ base: "bootstrap:debian/sid" }, "request.base"],
    [{ base: undefined }, "request"],
    [{ packages: ["--force"] }, "request.packages[0]"],
    [{ platforms: [] }, "request.platforms"],
    [{ platforms: ["linux/s390x"] }, "request.platforms[0]"],
    [{ asOf: "2023-02-29" }, "request.asOf"],
    [{ languages: { node: "20" } }, "request.languages.node"],
    [{ languages: { ada: { version: "1" } } }, "request.languages"],
    [{ languages: { node: { version: "20\u001b" } } }, "request.languages.node.version"],
  ])("a request with %j", (change, place) => {
    const wrong = { ...request, ...change };
    expect(messageAfter((lock) => Object.assign(lock, { request: wrong }))).toContain(`${place}: found`);
  });

  test.each(["linux/amd64/v2", "linux/riscv64", "../linux", "linux", "", "constructor", "toString"])(
    "the platform %j",
    (platform) => {
      const message = messageAfter((lock) => {
        const { platforms } = lock as unknown as Lock;
        Object.assign(platforms, { [platform]: platforms["linux/amd64"] });
      });
      expect(message).toBe(
        `devenv.lock: platforms: found ${JSON.stringify(platform)}, expected a platform: linux/amd64 or linux/arm64`,
      );
    },
  );

  test.each([
    ['{ "lockVersion": 1,', "at the top"],
    ['"base": {', "in the base"],
    ['"image": {', "in the image"],
    ['"platforms": {', "among the platforms"],
  ])("the key __proto__ behind %s", (anchor) => {
    const text = formatLock(sampleLock())
      .replace(/^\{/, '{ "lockVersion": 1,')
      .replace('  "lockVersion": 1,\n', "");
    const error = errorOf(text.replace(anchor, `${anchor} "__proto__": { "polluted": true },`));
    expect(error.message).toContain('found "__proto__"');
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  test.each<[string, Alter, string]>([
    ["base.kind", (base) => Object.assign(base, { kind: "oci" }), 'found "oci", expected bootstrap'],
    ["base.suite", (base) => Object.assign(base, { suite: "sid" }), 'base.suite: found "sid"'],
    ["base.distribution", (base) => Object.assign(base, { distribution: "../x" }), "base.distribution"],
    [
      "releases",
      (base) => Object.assign(base, { releases: {} }),
      "base.releases: found an object, expected a list",
    ],
    ["a missing list", (base) => delete base.packages, 'expected the key "packages"'],
  ])("%s", (_, alter, message) => {
    const all = messageAfter((lock) => {
      alter(
        (lock as unknown as { platforms: Record<string, { base: never }> }).platforms["linux/arm64"]?.base ??
          {},
      );
    });
    expect(all).toContain(message);
  });

  test.each([
    ["suite", "bullseye-security"],
    ["suite", "bookworm/../x"],
    ["date", "yesterday"],
    ["date", "2026-13-40T00:00:00Z"],
    ["sha256", "x"],
    ["archive", "debian-evil"],
  ])("release %s %j", (key, value) => {
    const message = messageAfter((lock) => {
      const base = (lock as unknown as Lock).platforms["linux/amd64"]?.base;
      if (base?.kind !== "bootstrap") throw new Error("no bootstrap");
      Object.assign(base.releases[0] ?? {}, { [key]: value });
    });
    expect(message).toContain(`base.releases[0].${key}: found ${JSON.stringify(value)}`);
  });

  test.each([
    ["epoch", { epoch: -5 }],
    ["epoch", { epoch: "now" }],
    ["layers", { layers: [] }],
    ["layers[0].run", { layers: [{ ...sampleCommand, run: "a\0b" }] }],
    ["layers[0].name", { layers: [{ ...sampleCommand, name: "\u001b[2J" }] }],
    ["layers[1].name", { layers: [sampleCommand, sampleCommand] }],
    ["layers[0].inputs", { layers: [{ ...sampleCommand, inputs: { "../x": sampleImage().digest } }] }],
    ['layers[0].inputs["a"]', { layers: [{ ...sampleCommand, inputs: { a: "x" } }] }],
    ["layers[0].env", { layers: [{ ...sampleCommand, env: { "A=B": "c" } }] }],
    ["layers[0].network", { layers: [{ ...sampleCommand, network: false }] }],
    ["built[0].name", { built: [{ ...sampleImage().layers[0], step: "layer", name: "\n" }] }],
    ["built[0]", { built: [{ ...sampleImage().layers[0], name: "a" }] }],
    ["image.digest", { image: { digest: "sha512:00", layers: [] } }],
    [
      "image.layers[0].step",
      { image: { ...sampleImage(), layers: [{ ...sampleImage().layers[0], step: "evil" }] } },
    ],
    [
      "image.layers[0].diffID",
      { image: { ...sampleImage(), layers: [{ ...sampleImage().layers[0], diffID: "../.." }] } },
    ],
    ["image", { image: null }],
  ])("%s", (path, members) => {
    const message = messageAfter((lock) => {
      Object.assign((lock as unknown as Lock).platforms["linux/amd64"] ?? {}, members);
    });
    expect(message).toContain(`platforms["linux/amd64"].${path}: found`);
  });

  test("a key that stands twice, which a reviewer may read another way than the program", () => {
    const text = formatLock(sampleLock()).replace('"size": 1234', '"size": 1,\n "size": 1234');
    expect(errorOf(text).message).toMatch(/\["size"\]: found a second time, expected each key once$/);
  });

  test("what is no object at all", () => {
    for (const text of ["null", "[]", "1", '"x"'])
      expect(errorOf(text).message).toContain("expected an object");
    expect(errorOf("").message).toContain("found no JSON");
    expect(errorOf(`${"[".repeat(200000)}`).code).toBe("DEVENV_LOCK_INVALID");
  });

  test("merge conflict markers, with advice", () => {
    const error = errorOf(`<<<<<<< HEAD\n${formatLock(sampleLock())}=======\n>>>>>>> other\n`);
    expect(error.message).toContain("merge conflict markers");
    expect(error.hint).toContain("devenv lock");
  });

  test("the format of another version, with advice", () => {
    const error = errorOf(JSON.stringify({ lockVersion: 2, anything: [] }));
    expect(error.code).toBe("DEVENV_LOCK_VERSION");
    expect(error.message).toContain("found lockVersion 2");
  });

  test("many problems are named, not all of hundreds", () => {
    const lock = JSON.parse(formatLock(sampleLock()));
    lock.platforms["linux/amd64"].packages = Array.from({ length: 50 }, () => 1);
    expect(errorOf(JSON.stringify(lock)).message).toMatch(/\n {2}and 40 more$/);
  });

  test("control characters are not passed on to the terminal", () => {
    const lock = { ...sampleLock(), configuration: "\u001b]0;x\u0007\u009b\u202e" };
    const isControl = (character: string): boolean => /[\p{Cc}\p{Cf}]/u.test(character);
    expect([...errorOf(JSON.stringify(lock)).message].filter(isControl)).toEqual([]);
  });
});

describe("files", () => {
  let directory = "";
  const file = (): string => join(directory, "devenv.lock");

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "devenv-lock-"));
  });
  afterAll(() => rm(directory, { recursive: true }));

  test("no lock is no error", async () => {
    expect(await readLock(join(directory, "absent.lock"))).toBeUndefined();
  });

  test("what is written is read again, and nothing else is left in the directory", async () => {
    await writeLock(file(), sampleLock());
    expect(await readFile(file(), "utf8")).toBe(formatLock(sampleLock()));
    expect(await readLock(file())).toEqual(sampleLock());
    expect(await readdir(directory)).toEqual(["devenv.lock"]);
  });

  test("a file that would not change is not touched", async () => {
    await writeLock(file(), sampleLock());
    const before = await stat(file(), { bigint: true });
    await writeLock(file(), sampleLock());
    const after = await stat(file(), { bigint: true });
    expect([after.ino, after.mtimeNs]).toEqual([before.ino, before.mtimeNs]);
  });

  test("a lock that would be refused is not written", async () => {
    const wrong: Lock = { ...sampleLock(), request: { ...sampleLock().request, base: "" } };
    await expect(writeLock(join(directory, "wrong.lock"), wrong)).rejects.toThrow("Assertion failed");
    expect(await readLock(join(directory, "wrong.lock"))).toBeUndefined();
  });

  test("a place that cannot be read or written is an error that names it", async () => {
    await expect(readLock(directory)).rejects.toMatchObject({ code: "DEVENV_LOCK_UNREADABLE" });
    const nowhere = join(directory, "absent/devenv.lock");
    await expect(writeLock(nowhere, sampleLock())).rejects.toMatchObject({
      code: "DEVENV_WRITE",
      message: expect.stringContaining(nowhere),
    });
  });

  test("a byte of the file more or less is noticed", async () => {
    await writeFile(file(), formatLock(sampleLock()).slice(0, -10));
    await expect(readLock(file())).rejects.toMatchObject({ code: "DEVENV_LOCK_INVALID" });
  });
});

function sampleImage(): NonNullable<Lock["platforms"]["linux/amd64"]["image"]> {
  const image = sampleLock().platforms["linux/amd64"]?.image;
  if (image === undefined) throw new Error("the sample has an image");
  return image;
}

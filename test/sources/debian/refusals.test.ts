import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openIndexes } from "../../../src/sources/debian/index.ts";
import { makeKey, stanza, TestArchive, today } from "./archive.ts";
import {
  archive,
  curl,
  key,
  later,
  mirrors,
  openAll,
  openOne,
  refusal,
  release,
  root,
  useArchive,
} from "./fixture.ts";

useArchive();

describe("what is refused", () => {
  test("a release signed by a key that is not the archive's", async () => {
    const stranger = await makeKey("Someone else");
    const { code, message } = await refusal({ keys: [stranger.publicKey] });
    expect(code).toBe("DEVENV_ARCHIVE_SIGNATURE");
    expect(message).toContain("/dists/bookworm");
    expect(await readdir(join(root, "indexes"))).toEqual([]);
  });

  test("none of Debian's keys signs the tests' archive", async () => {
    const options = { store: { root }, mirrors: mirrors(archive.url), now: today };
    await expect(openIndexes("bookworm", ["amd64"], options)).rejects.toMatchObject({
      code: "DEVENV_ARCHIVE_SIGNATURE",
    });
  });

  test("but one known key among several is enough", async () => {
    const stranger = await makeKey("Someone else");
    const both = await TestArchive.start(stranger, key);
    try {
      for (const suite of ["bookworm", "bookworm-updates", "bookworm-security"])
        await both.publish(suite, release);
      expect((await refusal({ mirrors: mirrors(both.url) })).code).toBe("accepted");
    } finally {
      await both.stop();
    }
  });

  const spoofs: [string, (text: string) => string][] = [
    ["altered text", (text) => text.replace("Origin: Debian", "Origin: Debiam")],
    ["text before the signed message", (text) => `Codename: bookworm\n\n${text}`],
    ["text after the signature", (text) => `${text}\nCodename: bookworm\n`],
    ["a second signed message", (text) => text + text],
    [
      "text in the place of the headers",
      (text) => text.replace("Hash: SHA512", "Hash: SHA512\nCodename: sid"),
    ],
    ["no signature", (text) => text.slice(0, text.indexOf("-----BEGIN PGP SIGNATURE"))],
    ["a damaged signature", (text) => text.replace(/(SIGNATURE-----\n\n.{40})./, "$1!")],
    ["only the text", (text) => text.slice(text.indexOf("Origin"), text.indexOf("-----BEGIN PGP SIGNATURE"))],
    ["an empty file", () => ""],
    ["a login page", () => "<!doctype html><title>Welcome to the airport</title>"],
  ];
  test.each(spoofs)("a release with %s", async (_, spoof) => {
    const path = "dists/bookworm/InRelease";
    const original = archive.files.get(path)?.toString() ?? "";
    const spoofed = spoof(original);
    expect(spoofed).not.toBe(original);
    archive.files.set(path, Buffer.from(spoofed));
    expect((await refusal()).code).toBe("DEVENV_ARCHIVE_SIGNATURE");
  });

  test("a release past its Valid-Until, also one in the store", async () => {
    expect((await refusal({ now: later(49) })).code).toBe("DEVENV_ARCHIVE_EXPIRED");
    await rm(join(root, "indexes"), { recursive: true });
    await openAll({ now: later(47.5) });
    const { code, message } = await refusal({ now: later(48.1) });
    expect(code).toBe("DEVENV_ARCHIVE_EXPIRED");
    expect(message).toContain("bookworm-security/InRelease: was valid until 2025-03-03T12:00:00Z");
  });

  test("a release from the future", async () => {
    await archive.publish("bookworm", { ...release, date: later(2) });
    expect((await refusal()).code).toBe("DEVENV_ARCHIVE_NOT_YET_VALID");
    expect((await refusal({ now: later(1.9) })).code).toBe("accepted");
  });

  test("an older release than the one that is known", async () => {
    await openAll();
    await archive.publish("bookworm", { ...release, date: later(-24) });
    const { code, message } = await refusal({ refresh: true });
    expect(code).toBe("DEVENV_ARCHIVE_ROLLBACK");
    expect(message).toContain("is of 2025-02-28T12:00:00Z, older than the one of 2025-03-01T11:00:00Z");
    expect((await refusal()).code).toBe("accepted");
    expect((await openOne()).releases[0]?.date).toBe("2025-03-01T11:00:00Z");
  });

  test("another suite's release", async () => {
    await archive.publish("bookworm", { ...release, codename: "bullseye" });
    const { code, message } = await refusal();
    expect(code).toBe("DEVENV_ARCHIVE_MISMATCH");
    expect(message).toContain('is the release "bullseye", expected "bookworm"');
  });

  test("an altered index", async () => {
    const path = "dists/bookworm/main/binary-amd64/Packages.gz";
    const original = archive.files.get(path) ?? Buffer.alloc(0);
    const flipped = Buffer.from(original);
    flipped[20] = (flipped[20] ?? 0) ^ 1;
    for (const altered of [flipped, original.subarray(1), Buffer.concat([original, Buffer.alloc(1)])]) {
      archive.files.set(path, altered);
      const { code, message } = await refusal();
      expect(code).toBe("DEVENV_ARCHIVE_ALTERED");
      expect(message).toContain(path);
    }
    const names = await readdir(join(root, "indexes"));
    expect(names.filter((name) => name.startsWith("bookworm_amd64"))).toEqual([]);
  });

  test("a compressed index that is right and unpacks to something else", async () => {
    const size = Buffer.byteLength(release.packages.amd64 as string);
    await archive.publish("bookworm", release);
    const inRelease = archive.files.get("dists/bookworm/InRelease")?.toString() ?? "";
    const signed = inRelease.slice(
      inRelease.indexOf("Origin"),
      inRelease.indexOf("-----BEGIN PGP SIGNATURE"),
    );
    const smaller = signed.replace(` ${size} main`, ` ${size - 1} main`);
    for (const changed of [smaller, signed.replace(/^ ....(.{60} .*\/Packages)$/m, " 0000$1")]) {
      expect(changed).not.toBe(signed);
      await archive.publishText("bookworm", changed);
      expect((await refusal()).code).toBe("DEVENV_ARCHIVE_ALTERED");
    }
  });

  test("an index with an entry that would lead out of the archive or makes no sense", async () => {
    const wrong: Record<string, string>[] = [
      { Filename: "pool/../../etc/passwd" },
      { Filename: "/pool/main/c/curl.deb" },
      { Filename: "http://elsewhere/curl.deb" },
      { Filename: "pool/main/c/curl_1 2.deb" },
      { SHA256: "abc" },
      { Size: "-1" },
      { Version: "" },
      { Architecture: "i386" },
    ];
    for (const fields of wrong) {
      await archive.publish("bookworm", { packages: { amd64: stanza("curl", "1", fields), arm64: "" } });
      await rm(join(root, "indexes"), { recursive: true, force: true });
      expect({ fields, ...(await refusal()) }).toMatchObject({ fields, code: "DEVENV_ARCHIVE_MALFORMED" });
    }
    await archive.publish("bookworm", { packages: { amd64: "this is no stanza\n", arm64: "" } });
    await rm(join(root, "indexes"), { recursive: true, force: true });
    expect((await refusal()).code).toBe("DEVENV_ARCHIVE_MALFORMED");
  });

  test.each([
    ["without a date", "Codename: bookworm\nSHA256:\n"],
    ["with a date that is none", "Codename: bookworm\nDate: yesterday\nSHA256:\n x\n"],
    ["without digests", "Codename: bookworm\nDate: Sat, 01 Mar 2025 11:00:00 UTC\nMD5Sum:\n x\n"],
    [
      "with a digest that is none",
      "Codename: bookworm\nDate: Sat, 01 Mar 2025 11:00:00 UTC\nSHA256:\n 12 34 main/binary-amd64/Packages\n",
    ],
  ])("a release %s", async (_, text) => {
    await archive.publishText("bookworm", text);
    expect((await refusal()).code).toBe("DEVENV_ARCHIVE_MALFORMED");
  });

  test("an architecture the suite does not have", async () => {
    await archive.publish("bookworm", { packages: { amd64: curl } });
    const { code, message } = await refusal();
    expect(code).toBe("DEVENV_ARCHIVE_ARCHITECTURE");
    expect(message).toBe("bookworm has no packages for arm64");
  });

  test("no mirror that answers", async () => {
    const { code, message } = await refusal({
      mirrors: mirrors(`${archive.url}/elsewhere`, "http://127.0.0.1:9"),
    });
    expect(code).toBe("DEVENV_ARCHIVE_UNREACHABLE");
    expect(message).toContain("status 404");
    expect(message).toContain("127.0.0.1:9");
    expect((await refusal({ mirrors: mirrors(`${archive.url}/elsewhere`) })).code).toBe(
      "DEVENV_ARCHIVE_UNREACHABLE",
    );
  });

  test("a release that never ends", async () => {
    archive.files.set("dists/bookworm/InRelease", Buffer.alloc(9 << 20));
    expect((await refusal()).code).toBe("DEVENV_ARCHIVE_ALTERED");
  });
});

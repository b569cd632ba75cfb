import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { beforeEach, describe, expect, test } from "vitest";
import { findLibraryPackages, type OpenIndexesOptions } from "../../../src/sources/debian/index.ts";
import { sha256, today } from "./archive.ts";
import { archive, key, later, mirrors, release, root, useArchive } from "./fixture.ts";

useArchive();

const list = [
  "bin/bash                                                shells/bash",
  "lib/x86_64-linux-gnu/libz.so.1                          libs/zlib1g",
  "usr/lib/x86_64-linux-gnu/libssl.so.3\t\tlibs/libssl3",
  "usr/lib/x86_64-linux-gnu/libssl.so                      libdevel/libssl-dev",
  "usr/lib/x86_64-linux-gnu/libboth.so.1                   libs/libboth1,contrib/utils/both,debug/libboth1-dbg",
  "usr/lib/libplain.so.2                                   libs/libplain2",
  "usr/lib/x86_64-linux-gnu/deep/libz.so.1                 libs/libzadc4",
  "usr/lib32/libz.so.1                                     libs/lib32z1",
  "usr/lib/debug/libz.so.1                                 libs/zlib1g-debug",
  "usr/lib/aarch64-linux-gnu/libarm.so.1                   libs/libarm1",
  "usr/share/libz.so.1                                     libs/sharez",
  "usr/lib/x86_64-linux-gnu/libz.so.1.2.13                 libs/zlib1g",
  "usr/lib/x86_64-linux-gnu/libname with blank.so.1        libs/libblank1",
  "",
].join("\n");

const updates = "usr/lib/x86_64-linux-gnu/libclamav.so.12 libs/libclamav12\n";

beforeEach(async () => {
  await archive.publish("bookworm", { ...release, byHash: true, contents: { amd64: list, arm64: "" } });
  await archive.publish("bookworm-updates", {
    packages: { amd64: "", arm64: "" },
    contents: { amd64: updates, arm64: "" },
  });
});

const wanted = ["libz.so.1", "libssl.so.3", "libssl.so", "libboth.so.1", "libplain.so.2", "libclamav.so.12"];
const found = new Map([
  ["libz.so.1", ["zlib1g"]],
  ["libssl.so.3", ["libssl3"]],
  ["libboth.so.1", ["libboth1", "both"]],
  ["libplain.so.2", ["libplain2"]],
  ["libclamav.so.12", ["libclamav12"]],
]);

function find(sonames: readonly string[] = wanted, options: Partial<OpenIndexesOptions> = {}) {
  const given = { store: { root }, mirrors: mirrors(archive.url), now: today, keys: [key.publicKey] };
  return findLibraryPackages("bookworm", "amd64", sonames, { ...given, ...options });
}

const asked = () => archive.requests.filter((request) => /Contents|by-hash/.test(request));

const refusal = (options: Partial<OpenIndexesOptions> = {}) =>
  find(wanted, options).then(
    () => ({ code: "accepted", message: "" }),
    (error: { code: string; message: string }) => error,
  );

describe("packages that ship a library", () => {
  test("are those of the archive's list of files, in the loader's directories only", async () => {
    expect(await find()).toEqual(found);
    expect(await find(["libarm.so.1", "libname with blank.so.1", "libnone.so.1"])).toEqual(new Map());
  });

  test("come from the store the second time, also without the network", async () => {
    await find();
    expect(asked()).toHaveLength(2);
    expect(asked()[0]).toMatch(/^200 dists\/bookworm\/main\/by-hash\/SHA256\/[0-9a-f]{64}$/);
    expect(await find()).toEqual(found);
    expect(await find(wanted, { offline: true })).toEqual(found);
    expect(asked()).toHaveLength(2);
  });

  test("are fetched again when what the store has is not whole, and what is replaced goes", async () => {
    await find();
    const name = (await readdir(join(root, "indexes"))).find((file) =>
      /^bookworm_contents-amd64_.*\.libraries$/.test(file),
    );
    const file = join(root, "indexes", name ?? "");
    const whole = await readFile(file, "utf8");
    for (const part of [
      whole.slice(0, -20),
      whole.split("\n").slice(0, 3).join("\n"),
      "devenv libraries 1\n",
    ]) {
      await writeFile(file, part);
      expect(await find()).toEqual(found);
    }
    const more = `${list}usr/lib/libmore.so.1 libs/libmore1\n`;
    await archive.publish("bookworm", { ...release, contents: { amd64: more, arm64: "" } });
    expect(await find(["libmore.so.1"], { now: later(2) })).toEqual(
      new Map([["libmore.so.1", ["libmore1"]]]),
    );
    const lists = (await readdir(join(root, "indexes"))).filter((one) =>
      one.startsWith("bookworm_contents-"),
    );
    expect(lists).toHaveLength(1);
    expect(lists).not.toContain(name);
  });

  test("are not believed when the list is not the one of the signed release", async () => {
    const forged = gzipSync(`${list}usr/lib/libevil.so.1 libs/libevil1\n`);
    for (const path of archive.files.keys())
      if (/^dists\/bookworm\/main\/(by-hash|Contents-amd64)/.test(path)) archive.files.set(path, forged);
    expect(await refusal()).toMatchObject({ code: "DEVENV_ARCHIVE_ALTERED" });
    expect((await readdir(join(root, "indexes"))).filter((one) => one.includes("contents"))).toEqual([]);
  });

  test("are not taken from a list that unpacks to something else than the release says", async () => {
    const packed = gzipSync(list);
    for (const size of [list.length - 1, list.length + 1]) {
      const sum = (content: Buffer | string, path: string, length = content.length) =>
        ` ${sha256(content)} ${length} ${path}`;
      archive.files.set("dists/bookworm/main/Contents-amd64.gz", packed);
      await archive.publishText(
        "bookworm",
        [
          "Codename: bookworm",
          `Date: ${today.toUTCString()}`,
          "SHA256:",
          sum(list, "main/Contents-amd64", size),
          sum(packed, "main/Contents-amd64.gz"),
          "",
        ].join("\n"),
      );
      const { code, message } = await refusal({ refresh: true });
      expect(code).toBe("DEVENV_ARCHIVE_ALTERED");
      expect(message).toContain("main/Contents-amd64.gz");
    }
  });

  test("are not known without the network, and not of an architecture without a list", async () => {
    expect(await refusal({ offline: true })).toMatchObject({ code: "DEVENV_ARCHIVE_OFFLINE" });
    await archive.publish("bookworm-updates", { packages: { amd64: "" } });
    expect(await find(["libz.so.1"])).toEqual(new Map([["libz.so.1", ["zlib1g"]]]));
    await archive.publish("bookworm", { ...release, contents: { arm64: "" } });
    expect(await refusal({ refresh: true })).toMatchObject({
      code: "DEVENV_ARCHIVE_ARCHITECTURE",
      message: "bookworm has no list of the files for amd64",
    });
  });
});

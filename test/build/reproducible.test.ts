import { basename, dirname } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LockedImage, LockedPlatform } from "../../src/lock/index.ts";
import { findEmulator } from "../../src/sandbox/emulator.ts";
import type { Emulator } from "../../src/sandbox/index.ts";
import { type Tester, testers } from "../sandbox/host.ts";
import { entriesOf } from "./archive.ts";
import { Builder, type Circumstances } from "./builder.ts";

/** What is known to bring times, random numbers and orders into files. */
const packages = [
  "ca-certificates", // a trigger that hashes file names
  "dbus", // machine-id, users
  "fontconfig", // caches with the times of directories
  "man-db", // an index that a trigger makes
  "openssh-server", // host keys, debconf, ucf, users
  "postgresql-common", // perl, ucf, a cluster's directories
  "python3", // pre-depends on python3-minimal; compiled files
  "ssl-cert", // a key with its certificate
];

const hostName = "the-name-of-this-host";
const [tester, other = tester] = testers() as [Tester, Tester?];
const isRoot = tester.uid === 0;

/** Only root may give itself another host name. */
function somewhere(script: string): readonly string[] {
  return isRoot
    ? ["unshare", "--uts", "sh", "-c", `hostname ${hostName}; ${script}`, "sh"]
    : ["sh", "-c", script, "sh"];
}

const elsewhere: { label: string; tester: Tester; circumstances: Circumstances }[] = [
  {
    label: "another place, time zone, language, umask and number of processors",
    tester,
    circumstances: {
      store: "a/much/deeper/place/with blanks/and ünïcödé",
      env: { TZ: "Pacific/Kiritimati", LC_ALL: "tr_TR.UTF-8", LANGUAGE: "tr", HOME: "/nonexistent" },
      wrapper: ["sh", "-c", 'umask 077; exec taskset --cpu-list "$(nproc --all | sed s/.*/0/)" "$@"', "sh"],
    },
  },
  { label: "another user", tester: other, circumstances: { env: { TZ: "America/St_Johns" } } },
];

describe("an image", () => {
  let builder: Builder;
  let locked: LockedPlatform;
  let image: LockedImage;
  let began: Date;

  beforeAll(async () => {
    builder = new Builder(tester, { wrapper: somewhere('exec "$@"') });
    locked = await builder.lock(packages);
    began = new Date();
    image = await builder.build(locked);
  });
  afterAll(() => builder.close());

  test("has stages where a package pre-depends on another", () => {
    expect(locked.packages.filter(({ stage = 0 }) => stage > 0).map(({ name }) => name)).toContain("python3");
  });

  test.each(elsewhere)("is the same by $label", async ({ tester, circumstances }) => {
    const second = new Builder(tester, circumstances);
    try {
      second.copyBlobs(builder);
      expect(await second.build(locked)).toEqual(image);
    } finally {
      await second.close();
    }
  });

  test("holds nothing later than the lock's epoch and no trace of when and where it was built", async () => {
    const traces = [
      basename(dirname(builder.store)),
      ...(isRoot ? [hostName] : []),
      began.toISOString().slice(0, 13),
      began.toISOString().slice(0, 13).replace("T", " "),
      String(began.getTime()).slice(0, 7),
    ];
    const found: string[] = [];
    let count = 0;
    for (const { step, diffID } of image.layers) {
      const archive = await builder.pack(diffID, locked.epoch);
      expect(archive.diffID).toBe(diffID);
      for await (const { header, content } of entriesOf(archive.file)) {
        count += 1;
        const seconds = (header.mtime?.getTime() ?? Number.NaN) / 1000;
        if (!(seconds <= locked.epoch)) found.push(`${step}: ${header.name}: time ${seconds}`);
        for (const trace of traces) {
          if (content.includes(trace) || header.name.includes(trace))
            found.push(`${step}: ${header.name}: ${trace}`);
        }
      }
    }
    expect(found).toEqual([]);
    expect(count).toBeGreaterThan(8000);
  });

  test("says of every password that it was changed on the day of the epoch", async () => {
    const layer = image.layers.at(-1)?.diffID ?? "sha256:";
    const { file } = await builder.pack(layer, locked.epoch);
    let shadow = "";
    for await (const { header, content } of entriesOf(file)) {
      if (header.name === "etc/shadow") shadow = content.toString();
    }
    const days = shadow
      .trim()
      .split("\n")
      .map((line) => line.split(":")[2]);
    expect(shadow).toMatch(/^sshd:/m);
    expect([...new Set(days)]).toEqual([String(Math.floor(locked.epoch / 86_400))]);
  });
});

/** The host's own programs, run as if they were of another processor; the emulator itself is known by its byte 7. */
async function emulateOwn(): Promise<Emulator> {
  const [own, other] = process.arch === "arm64" ? ["arm64", "amd64"] : ["amd64", "arm64"];
  const { registration = "" } =
    (await findEmulator(`linux/${own}`, {
      platform: `linux/${other}`,
      path: "/usr/bin",
      registered: "/nonexistent",
    })) ?? {};
  const [before, type, offset, magic, mask = "", ...rest] = registration.slice(1).split(":");
  const bytes = mask.match(/\\x../g) ?? [];
  bytes[7] = "\\xff";
  return { registration: ["", before, type, offset, magic, bytes.join(""), ...rest].join(":") };
}

test("an image whose programs were emulated is the one that a processor of its own makes", async () => {
  const native = new Builder(tester);
  const emulated = new Builder(tester, { emulator: await emulateOwn() });
  try {
    const locked = await native.lock(["python3-minimal"]);
    const image = await native.build(locked);
    emulated.copyBlobs(native);
    expect(await emulated.build(locked)).toEqual(image);
  } finally {
    await emulated.close();
    await native.close();
  }
}, 600_000);

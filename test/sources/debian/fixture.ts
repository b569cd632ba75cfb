import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach } from "vitest";
import {
  type Mirrors,
  type OpenIndexesOptions,
  openIndexes,
  type PackageIndex,
} from "../../../src/sources/debian/index.ts";
import { makeKey, stanza, TestArchive, type TestKey, type TestRelease, today } from "./archive.ts";

const hour = 3_600_000;

/** So many hours after the day the tests live in. */
export const later = (hours: number) => new Date(today.getTime() + hours * hour);

export let key: TestKey;
export let archive: TestArchive;
/** Of the store. */
export let root: string;

/** Gives each test of the file a published archive and an empty store. */
export function useArchive(): void {
  beforeAll(async () => {
    key = await makeKey();
  });

  beforeEach(async () => {
    archive = await TestArchive.start(key);
    root = await mkdtemp(join(tmpdir(), "devenv-test-"));
    await publishAll();
  });

  afterEach(async () => {
    await archive.stop();
    await rm(root, { recursive: true, force: true });
  });
}

export const curl = stanza("curl", "7.88.1-10");
export const release: TestRelease = {
  packages: {
    amd64: [
      curl,
      stanza("mawk", "1.3", { Provides: "awk", Priority: "required", "Multi-Arch": "foreign" }),
      stanza("gawk", "1:5.2", { Provides: "awk, gawk-impl (= 1), gawk-impl (= 2)" }),
      stanza("dpkg", "1.21", { Essential: "yes", Priority: "required", "Pre-Depends": "libc6 (>= 2.34)" }),
      stanza("docs", "3", {
        Architecture: "all",
        Section: "doc",
        Source: "manuals (2)",
        Description: "Übersicht",
      }),
    ].join(""),
    arm64: stanza("curl", "7.88.1-10", { Architecture: "arm64" }),
  },
};

async function publishAll(): Promise<void> {
  await archive.publish("bookworm", release);
  const updates = curl + stanza("tzdata", "2025a", { Architecture: "all" });
  await archive.publish("bookworm-updates", { packages: { amd64: updates, arm64: "" } });
  const security = stanza("curl", "7.88.1-10+deb12u1", { Depends: "libcurl4 (= 7.88.1-10+deb12u1)" });
  await archive.publish("bookworm-security", {
    packages: { amd64: security, arm64: "" },
    byHash: true,
    validUntil: later(48),
  });
}

/** The same URLs for both archives. */
export function mirrors(...urls: string[]): Mirrors {
  return { debian: urls, "debian-security": urls };
}

export async function openAll(options: Partial<OpenIndexesOptions> = {}): Promise<Map<string, PackageIndex>> {
  return await openIndexes("bookworm", ["amd64", "arm64"], {
    store: { root },
    mirrors: mirrors(archive.url),
    now: today,
    keys: [key.publicKey],
    ...options,
  });
}

export async function openOne(options: Partial<OpenIndexesOptions> = {}): Promise<PackageIndex> {
  const index = (await openAll(options)).get("amd64");
  if (index === undefined) throw new Error("no index");
  return index;
}

/** The error that opening ends with; its code is `accepted` when there is none. */
export async function refusal(
  options: Partial<OpenIndexesOptions> = {},
): Promise<{ code: string; message: string }> {
  return await openAll(options).then(
    () => ({ code: "accepted", message: "" }),
    (error: { code: string; message: string }) => ({ code: error.code, message: error.message }),
  );
}

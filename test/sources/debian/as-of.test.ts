import { expect, test } from "vitest";
import {
  openIndexes,
  packageUrls,
  resolveMirrorsAsOf,
  resolveMirrorsFor,
} from "../../../src/sources/debian/index.ts";
import { stanza, today } from "./archive.ts";
import { archive, key, root, useArchive } from "./fixture.ts";

useArchive();

const suites = [
  ["debian", "bookworm"],
  ["debian", "bookworm-updates"],
  ["debian-security", "bookworm-security"],
] as const;
const places = () => ({ environment: { DEVENV_DEBIAN_SNAPSHOT_MIRROR: archive.url } });

/** Publishes the state of a moment where the snapshot service has it, and nowhere else. */
async function publishAt(moment: string, curl: string, date = new Date(`${moment.slice(0, 10)}T08:00:00Z`)) {
  archive.files.clear();
  for (const [name, suite] of suites) {
    const packages = { amd64: name === "debian" ? stanza("curl", curl) : "" };
    await archive.publish(suite, {
      packages,
      date,
      validUntil: new Date(date.getTime() + 7 * 24 * 3_600_000),
    });
    const stamp = moment.replace(/[-:]/g, "");
    for (const [path, content] of [...archive.files]) {
      if (!path.startsWith(`dists/${suite}/`)) continue;
      archive.files.set(`archive/${name}/${stamp}/${path}`, content);
      archive.files.delete(path);
    }
  }
}

async function curlAsOf(day: string, offline = false): Promise<string | undefined> {
  const mirrors = resolveMirrorsAsOf(day, places());
  const store = { root };
  const options = { store, mirrors, asOf: day, offline, keys: [key.publicKey] };
  return (await openIndexes("bookworm", ["amd64"], options)).get("amd64")?.byName("curl")[0]?.version;
}

test("an archive as it was on two days, long after what it said then has expired", async () => {
  await publishAt("2025-02-08T23:59:59Z", "7.88.1-10");
  const earlier = new Map(archive.files);
  await publishAt("2025-02-20T23:59:59Z", "7.88.1-11");
  for (const [path, content] of earlier) archive.files.set(path, content);
  expect(await curlAsOf("2025-02-20")).toBe("7.88.1-11");
  expect(await curlAsOf("2025-02-08")).toBe("7.88.1-10");
  archive.requests.length = 0;
  // What is past is asked for once, and neither day replaces the other.
  expect(await curlAsOf("2025-02-20")).toBe("7.88.1-11");
  expect(await curlAsOf("2025-02-08", true)).toBe("7.88.1-10");
  expect(archive.requests).toEqual([]);
});

test("a state that was made later, or had expired by then, is not that of the day", async () => {
  await publishAt("2025-02-20T23:59:59Z", "7.88.1-12", new Date("2025-02-21T08:00:00Z"));
  await expect(curlAsOf("2025-02-20")).rejects.toMatchObject({ code: "DEVENV_ARCHIVE_NOT_YET_VALID" });
  await publishAt("2025-02-20T23:59:59Z", "7.88.1-12", new Date("2025-02-11T08:00:00Z"));
  await expect(curlAsOf("2025-02-20")).rejects.toMatchObject({ code: "DEVENV_ARCHIVE_EXPIRED" });
});

test("files are asked of the mirror first, and then of the archive as it was when they were locked", () => {
  const environment = {
    DEVENV_DEBIAN_MIRROR: "http://near.example/debian",
    DEVENV_DEBIAN_SECURITY_MIRROR: "http://near.example/debian-security",
  };
  const file = { archive: "debian", path: "pool/main/c/curl/curl_1_amd64.deb" };
  const releases = [
    { archive: "debian", suite: "bookworm", date: "2025-01-11T10:00:00Z", sha256: "" },
    { archive: "debian", suite: "bookworm-updates", date: "2025-02-20T14:00:00Z", sha256: "" },
    { archive: "debian-security", suite: "bookworm-security", date: "2025-02-24T01:02:03Z", sha256: "" },
  ];
  const urls = (lock: Parameters<typeof resolveMirrorsFor>[0], one = file) =>
    packageUrls(resolveMirrorsFor(lock, { environment }), one);
  const near = `http://near.example/debian/${file.path}`;
  const past = (stamp: string) => `https://snapshot.debian.org/archive/debian/${stamp}/${file.path}`;
  expect(urls({ releases })).toEqual([near, past("20250221T140000Z")]);
  expect(urls({ releases, asOf: "2025-02-20" })).toEqual([near, past("20250220T235959Z")]);
  expect(urls({ releases: [] })).toEqual([near]);
  expect(urls({ releases }, { archive: "debian-security", path: "pool/x.deb" })[1]).toBe(
    "https://snapshot.debian.org/archive/debian-security/20250225T010203Z/pool/x.deb",
  );
});

test("the mirror of the snapshots is a setting", () => {
  const [first] = resolveMirrorsAsOf(today.toISOString().slice(0, 10), places()).debian;
  expect(first).toBe(`${archive.url}/archive/debian/20250301T235959Z`);
  const environment = { DEVENV_DEBIAN_SNAPSHOT_MIRROR: "ftp://old.example" };
  expect(() => resolveMirrorsAsOf("2025-02-20", { environment })).toThrow(
    '$DEVENV_DEBIAN_SNAPSHOT_MIRROR: "ftp://old.example" is no http: or https: URL',
  );
});

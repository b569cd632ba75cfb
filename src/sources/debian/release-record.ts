import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../../files.ts";
import type { Release, ReleaseFile, ReleaseIndex } from "./release.ts";

/** What the store remembers of a suite's InRelease file, whose signature was valid. */
export interface ReleaseRecord extends Release {
  readonly format: typeof format;
  /** SHA-256 of the InRelease file, hexadecimal. */
  readonly sha256: string;
  /** When the archive was last asked for a newer one, and at which URL. */
  readonly checkedAt: number;
  readonly url: string;
  readonly etag?: string;
  readonly lastModified?: string;
}

/** To be raised whenever {@link ReleaseRecord} changes. */
export const format = 2;

/** The record of a suite; `undefined` when there is none or it is of another format. */
export async function readReleaseRecord(
  directory: string,
  suite: string,
): Promise<ReleaseRecord | undefined> {
  try {
    const record: unknown = JSON.parse(await readFile(recordPath(directory, suite), "utf8"));
    return isRecord(record) ? record : undefined;
  } catch {
    return undefined;
  }
}

/** @throws DevenvError `DEVENV_WRITE` */
export async function writeReleaseRecord(
  directory: string,
  suite: string,
  record: ReleaseRecord,
): Promise<void> {
  await writeFileAtomic(recordPath(directory, suite), JSON.stringify(record));
}

function recordPath(directory: string, suite: string): string {
  return join(directory, `${suite}.release.json`);
}

function isRecord(value: unknown): value is ReleaseRecord {
  return (
    isObject(value) &&
    value["format"] === format &&
    typeof value["sha256"] === "string" &&
    typeof value["checkedAt"] === "number" &&
    typeof value["url"] === "string" &&
    isOptional(value["etag"], "string") &&
    isOptional(value["lastModified"], "string") &&
    typeof value["codename"] === "string" &&
    typeof value["date"] === "number" &&
    isOptional(value["validUntil"], "number") &&
    typeof value["byHash"] === "boolean" &&
    isIndexes(value["indexes"]) &&
    isIndexes(value["contents"])
  );
}

function isIndexes(value: unknown): boolean {
  return isObject(value) && Object.values(value).every(isIndex);
}

function isIndex(value: unknown): value is ReleaseIndex {
  return isObject(value) && isFile(value["file"]) && isFile(value["unpacked"]);
}

function isFile(value: unknown): value is ReleaseFile {
  return (
    isObject(value) &&
    typeof value["path"] === "string" &&
    typeof value["size"] === "number" &&
    typeof value["sha256"] === "string"
  );
}

function isOptional(value: unknown, type: "string" | "number"): boolean {
  return value === undefined || (type === "string" ? typeof value === "string" : typeof value === "number");
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

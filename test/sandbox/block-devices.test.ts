import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { blockDevicesOf } from "../../src/sandbox/block-devices.ts";

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "devenv-disks-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

/** The whole disk as findmnt(8) and lsblk(8) see it, which look in other places; undefined without one. */
function diskOf(path: string): string | undefined {
  const run = (program: string, ...words: string[]) => execFileSync(program, words, { encoding: "utf8" });
  const device = run("findmnt", "-no", "MAJ:MIN", "-T", path).trim();
  const rows = run("lsblk", "-rno", "MAJ:MIN,NAME,PKNAME")
    .split("\n")
    .map((line) => line.split(" "));
  const parent = rows.find(([number]) => number === device)?.[2];
  if (device.startsWith("0:")) return undefined;
  return rows.find(([, name]) => name === parent)?.[0] ?? device;
}

test("the disk of a directory, named once however many paths are on it", () => {
  const disk = diskOf(directory);
  const expected = disk === undefined ? { reason: expect.any(String) } : { devices: [disk] };
  expect(blockDevicesOf([directory, tmpdir()])).toEqual(expected);
});

test("what has no disk is named with its kind", () => {
  expect(blockDevicesOf([directory, "/proc"])).toEqual({
    reason: "/proc is on proc without a device of its own, not on a disk",
  });
});

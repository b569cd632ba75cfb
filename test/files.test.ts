import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { writeFileAtomic } from "../src/files.ts";

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "devenv-files-"));
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

describe("writeFileAtomic", () => {
  test("replaces a file and leaves nothing else", async () => {
    const file = join(directory, "file");
    await writeFile(file, "old", { mode: 0o640 });
    await writeFileAtomic(file, "new");
    expect(await readFile(file, "utf8")).toBe("new");
    expect((await stat(file)).mode & 0o777).toBe(0o640);
    expect(await readdir(directory)).toEqual(["file"]);
  });

  test("says which file could not be written", async () => {
    const file = join(directory, "missing/file");
    await expect(writeFileAtomic(file, "")).rejects.toMatchObject({
      code: "DEVENV_WRITE",
      message: expect.stringContaining(file),
    });
  });
});

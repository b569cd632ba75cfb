import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { chmod, mkdtemp, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { buildSync } from "esbuild";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { findLeftovers, openStore, retryAfter, withStoreLock } from "../../src/store/index.ts";

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "devenv-store-"));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true, force: true });
});

describe("openStore", () => {
  test("makes a private directory", async () => {
    const store = await openStore(join(directory, "a/b"));
    expect((await stat(store.root)).mode & 0o777).toBe(0o700);
    expect((await stat(join(store.root, "tmp"))).mode & 0o777).toBe(0o700);
    await openStore(store.root);
  });

  test("stands where the environment says", async () => {
    vi.stubEnv("DEVENV_STORE", join(directory, "own"));
    vi.stubEnv("XDG_DATA_HOME", join(directory, "data"));
    expect((await openStore()).root).toBe(join(directory, "own"));
    vi.stubEnv("DEVENV_STORE", "");
    expect((await openStore()).root).toBe(join(directory, "data/devenv"));
    vi.stubEnv("XDG_DATA_HOME", "relative");
    vi.stubEnv("HOME", join(directory, "home"));
    expect((await openStore()).root).toBe(join(directory, "home/.local/share/devenv"));
  });

  test("says so when it cannot be made", async () => {
    await writeFile(join(directory, "file"), "");
    await symlink("nowhere/else", join(directory, "link"));
    for (const root of ["file", "file/store", "link"].map((name) => join(directory, name)))
      await expect(openStore(root)).rejects.toMatchObject({ code: "DEVENV_STORE" });
  });

  // mkdir() of Node would not even let go of a test that waits.
  test.each(["/proc/nope", "/proc/nope/store", "/proc"])(
    "says so at once where nothing can be made: %s",
    (root) => {
      const build = { bundle: true, platform: "node", format: "esm", write: false } as const;
      const source = join(import.meta.dirname, "../../src/store/store.ts");
      const [file] = buildSync({ entryPoints: [source], ...build }).outputFiles;
      const script = `${file?.text}\nopenStore(${JSON.stringify(root)}).catch(({ code }) => console.log(code));`;
      const words = ["--input-type=module", "--eval", script];
      const { stdout, signal } = spawnSync(process.execPath, words, {
        encoding: "utf8",
        timeout: 20_000,
        killSignal: "SIGKILL",
      });
      expect({ stdout, signal }).toEqual({ stdout: "DEVENV_STORE\n", signal: null });
    },
  );

  test("several at once make it together", async () => {
    const stores = await Promise.all(Array.from({ length: 20 }, () => openStore(join(directory, "a/b/c"))));
    expect(new Set(stores.map(({ root }) => root)).size).toBe(1);
  });
});

describe("findLeftovers", () => {
  test("finds what processes left that are gone, and nothing else", async () => {
    const store = await openStore(directory);
    const own = await store.temporaryPath("layer");
    const [boot = "", namespace = "", , , , random = ""] = basename(own).split(".");
    const names = {
      own: basename(own),
      // Process 1 is there, but did not start at that time.
      reused: `${boot}.${namespace}.1.999999999999.layer.${random}`,
      earlierBoot: `00000001.${namespace}.1.1.layer.${random}`,
      otherNamespace: `${boot}.1.1.1.layer.${random}`,
      foreign: "not-ours",
    };
    await Promise.all(Object.values(names).map((name) => writeFile(join(store.root, "tmp", name), "")));
    const found = (await findLeftovers(store)).map(({ path }) => basename(path)).sort();
    expect(found).toEqual([names.earlierBoot, names.reused].sort());
  });
});

describe("findLeftovers, of a process that ended and that its parent never asks for,", () => {
  test("finds what it left", async () => {
    const parent = spawn("sh", ["-c", "sleep 0.01 & echo $!; exec sleep 60"]);
    try {
      const [line] = (await once(parent.stdout, "data")) as [Buffer];
      const pid = line.toString().trim();
      const stat = (): string[] => readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
      while (stat()[0] !== "Z") await sleep(10);
      const store = await openStore(directory);
      const [boot, namespace, , , , random] = basename(await store.temporaryPath("layer")).split(".");
      const name = `${boot}.${namespace}.${pid}.${stat()[19]}.layer.${random}`;
      await writeFile(join(store.root, "tmp", name), "");
      expect((await findLeftovers(store)).map(({ path }) => basename(path))).toEqual([name]);
    } finally {
      parent.kill();
    }
  });
});

describe("withStoreLock", () => {
  test("lets one in at a time", async () => {
    const store = await openStore(directory);
    let inside = 0;
    const work = async () => {
      expect(++inside).toBe(1);
      await sleep(20);
      inside--;
      return "done";
    };
    const results = await Promise.all([1, 2, 3].map(() => withStoreLock(store, "step", work)));
    expect(results).toEqual(["done", "done", "done"]);
  });

  test("does not make one lock wait for another", async () => {
    const store = await openStore(directory);
    await withStoreLock(store, "a", () => withStoreLock(store, "b", async () => {}));
  });

  test("is released when the work fails", async () => {
    const store = await openStore(directory);
    await expect(
      withStoreLock(store, "step", async () => {
        throw new Error("no");
      }),
    ).rejects.toThrow("no");
    await withStoreLock(store, "step", async () => {});
  });

  test("is released when its holder is killed", async () => {
    const store = await openStore(directory);
    const holder = await startHolder(join(store.root, "locks/step"));
    const taken = withStoreLock(store, "step", async () => "taken");
    expect(await Promise.race([taken, sleep(100, "waiting")])).toBe("waiting");
    holder.kill("SIGKILL");
    expect(await taken).toBe("taken");
  });

  test("says so when flock(1) is not there or the lock cannot be made", async () => {
    const store = await openStore(directory);
    await chmod(join(store.root, "locks"), 0o700);
    await rm(join(store.root, "locks"), { recursive: true });
    await expect(withStoreLock(store, "step", async () => {})).rejects.toMatchObject({
      code: "DEVENV_STORE",
    });
    vi.stubEnv("PATH", "/nonexistent");
    await expect(withStoreLock(store, "step", async () => {})).rejects.toMatchObject({
      code: "DEVENV_STORE",
      hint: expect.stringContaining("util-linux"),
    });
  });
});

test("retryAfter reads seconds and dates", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  expect(retryAfter("120", now)).toBe(120_000);
  expect(retryAfter("Thu, 01 Jan 2026 00:00:30 GMT", now)).toBe(30_000);
  expect(retryAfter("Wed, 31 Dec 2025 00:00:30 GMT", now)).toBe(0);
  expect(retryAfter("soon", now)).toBeUndefined();
  expect(retryAfter(undefined, now)).toBeUndefined();
});

/** A process that holds a lock as withStoreLock() does, to be killed. */
async function startHolder(file: string): Promise<ChildProcess> {
  const script = `const { spawn } = require("node:child_process");
    const child = spawn("flock", ["-x", ${JSON.stringify(file)}, "sh", "-c", "echo; exec cat"], { detached: true, stdio: ["pipe", "pipe", "inherit"] });
    child.stdout.once("data", () => console.log("held"));`;
  const holder = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  await once(holder.stdout, "data");
  return holder;
}

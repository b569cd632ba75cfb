import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { chmod, mkdir, mkdtemp, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { buildSync } from "esbuild";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  findLeftovers,
  noteUse,
  oldestLease,
  openStore,
  retryAfter,
  whileCollecting,
  withLease,
  withStoreLock,
} from "../../src/store/index.ts";
import { removeLocks } from "../../src/store/locks.ts";

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

  test("finds half written files wherever files are replaced", async () => {
    const store = await openStore(directory);
    await mkdir(join(store.root, "environments/one-0123456789ab"));
    const places = ["steps", "images", "blobs/sha256", "indexes", "environments/one-0123456789ab"];
    const files = places.map((place) => join(store.root, place, ".00000001.1.1.1.write.0123456789ab"));
    await Promise.all(files.map((file) => writeFile(file, "")));
    const own = join(store.root, "steps", `.${basename(await store.temporaryPath("write"))}`);
    await writeFile(own, "");
    expect((await findLeftovers(store)).map(({ path }) => path).sort()).toEqual(files.sort());
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

describe("removeLocks", () => {
  test("removes those that nobody holds, and who waits for one is not misled", async () => {
    const store = await openStore(directory);
    const file = (name: string): string => join(store.root, "locks", name);
    await withStoreLock(store, "free", async () => {});
    const order: string[] = [];
    await withStoreLock(store, "held", async () => {
      await removeLocks(store, ["free", "held"]);
      await expect(stat(file("free"))).rejects.toThrow("ENOENT");
      await stat(file("held"));
      // As if another collector had come between: whoever waits has opened a file that is gone by then.
      const waiting = withStoreLock(store, "held", async () => order.push("waited"));
      await sleep(100);
      await rm(file("held"));
      await withStoreLock(store, "held", async () => order.push("new"));
      await sleep(50);
      order.push("released");
      void waiting.then(async () => order.push((await stat(file("held"))).isFile() ? "there" : ""));
    });
    await expect.poll(() => order).toEqual(["new", "released", "waited", "there"]);
  });
});

describe("leases", () => {
  test("hold as long as the work, and one of a process that is gone does not", async () => {
    const store = await openStore(directory);
    await writeFile(join(store.root, "tmp/00000001.1.1.1.lease.0123456789ab"), "");
    expect(await oldestLease(store)).toBeUndefined();
    await withLease(store, async () => {
      const first = await oldestLease(store);
      expect(first).toBeGreaterThan(Date.now() - 10_000);
      await withLease(store, async () => expect(await oldestLease(store)).toBe(first));
    });
    expect(await oldestLease(store)).toBeUndefined();
  });

  test("of another pid namespace, where nobody can look, hold for a day", async () => {
    const store = await openStore(directory);
    const own = basename(await store.temporaryPath("lease")).split(".");
    const file = join(store.root, "tmp", [own[0], "1", ...own.slice(2)].join("."));
    await writeFile(file, "");
    expect(await oldestLease(store)).toBeDefined();
    await utimes(file, 0, 0);
    expect(await oldestLease(store)).toBeUndefined();
  });
});

describe("noteUse", () => {
  test("says what is there, and makes it new", async () => {
    const store = await openStore(directory);
    const file = join(store.root, "steps/one");
    await writeFile(file, "");
    await utimes(file, 0, 0);
    expect(await noteUse(store, [file, join(store.root, "steps/two")])).toEqual([true, false]);
    expect((await stat(file)).mtimeMs).toBeGreaterThan(Date.now() - 10_000);
  });

  test("waits for a collector, and finds what it left", async () => {
    const store = await openStore(directory);
    const file = join(store.root, "steps/one");
    await writeFile(file, "");
    const order: string[] = [];
    let noted: Promise<boolean[]> = Promise.resolve([]);
    await whileCollecting(store, async () => {
      noted = noteUse(store, [file]);
      void noted.then(() => order.push("noted"));
      await sleep(100);
      await rm(file);
      order.push("removed");
    });
    expect(await noted).toEqual([false]);
    expect(order).toEqual(["removed", "noted"]);
  });

  test("does not wait for a collector that was killed", async () => {
    const store = await openStore(directory);
    await writeFile(join(store.root, "locks/collecting"), "");
    expect(await noteUse(store, [store.root])).toEqual([true]);
    await expect(stat(join(store.root, "locks/collecting"))).rejects.toThrow("ENOENT");
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

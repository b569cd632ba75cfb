import { spawn } from "node:child_process";
import { link, mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DevenvError } from "../../errors.ts";
import type { LockedImage, Platform } from "../../lock/index.ts";
import { openStore, type Store } from "../../store/index.ts";
import type { Observer } from "../observer.ts";
import type { Circumstances } from "./circumstances.ts";

export interface BuildAnewOptions {
  /** Root of the project. */
  readonly root: string;
  readonly platform: Platform;
  readonly circumstances: Circumstances;
  readonly observer: Observer;
  /** Below which the second store is made. */
  readonly place: string;
  /** SHA-256 or SHA-512, hexadecimal, of files that need not be downloaded again: their digests are checked when used. */
  readonly downloads: readonly string[];
}

/** An image that was built from nothing, in a store that holds it alone. */
export interface BuiltAnew {
  readonly store: Store;
  readonly image: LockedImage;
}

/**
 * Builds the image of a project by this same program in a new store. devenv.lock stays as it is, whatever comes out.
 *
 * @throws DevenvError `DEVENV_VERIFY_FAILED` with what the build said when it gave no image.
 */
export async function buildAnew(first: Store, options: BuildAnewOptions): Promise<BuiltAnew> {
  const { circumstances, downloads, place, platform, root } = options;
  await mkdir(place, { mode: 0o700 });
  const store = await openStore(place);
  // On another file system it is downloaded instead.
  for (const hex of downloads) await link(first.blobPath(hex), store.blobPath(hex)).catch(() => undefined);
  const words = [process.execPath, process.argv[1] ?? "", "build", "--frozen", "--platform", platform];
  const [program = "", ...rest] = [...circumstances.wrapper, ...words];
  const child = spawn(program, rest, {
    cwd: root,
    env: { ...process.env, ...circumstances.env, DEVENV_STORE: place },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const said: string[] = [];
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
    createInterface({ input: child.stderr }).on("line", (line) => {
      said.push(line);
      if (!said.some((one) => one.startsWith("error:"))) options.observer.begin(`anew: ${line}`);
    });
  });
  const image = await builtImage(store);
  if (image !== undefined) return { store, image };
  throw new DevenvError(
    "DEVENV_VERIFY_FAILED",
    [`the build from nothing ended with exit code ${code ?? "?"}:`, ...said.slice(-50)].join("\n  "),
  );
}

/** A build that gives another image than the lock has fails as well, and has it all the same. */
async function builtImage(store: Store): Promise<LockedImage | undefined> {
  const [name] = await readdir(join(store.root, "images"));
  if (name === undefined) return undefined;
  return JSON.parse(await readFile(join(store.root, "images", name), "utf8")) as LockedImage;
}

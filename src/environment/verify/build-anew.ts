import { spawn } from "node:child_process";
import { link, mkdir } from "node:fs/promises";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
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
 * Builds the image of a project by this same program in a new store, whatever devenv.lock records of it.
 *
 * @throws DevenvError `DEVENV_VERIFY_FAILED` with what the build said when it gave no image.
 */
export async function buildAnew(first: Store, options: BuildAnewOptions): Promise<BuiltAnew> {
  const { circumstances, downloads, place, platform, root } = options;
  await mkdir(place, { mode: 0o700 });
  const store = await openStore(place);
  // On another file system it is downloaded instead.
  for (const hex of downloads) await link(first.blobPath(hex), store.blobPath(hex)).catch(() => undefined);
  const command = ["build", "--unrecorded", "--json", "--platform", platform];
  const words = [process.execPath, process.argv[1] ?? "", ...command];
  const [program = "", ...rest] = [...circumstances.wrapper, ...words];
  const child = spawn(program, rest, {
    cwd: root,
    env: { ...process.env, ...circumstances.env, DEVENV_STORE: place },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const printed = text(child.stdout);
  const said: string[] = [];
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
    createInterface({ input: child.stderr }).on("line", (line) => {
      said.push(line);
      options.observer.begin(`anew: ${line}`);
    });
  });
  if (code === 0) return { store, image: JSON.parse(await printed) as BuiltAnew["image"] };
  throw new DevenvError(
    "DEVENV_VERIFY_FAILED",
    [`the build from nothing ended with exit code ${code ?? "?"}:`, ...said.slice(-50)].join("\n  "),
  );
}

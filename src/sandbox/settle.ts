import { runStoreVerb } from "./store-verb.ts";

/** What {@link settleDirectories} is given. */
export interface SettleOptions {
  /** Absolute path of the store. */
  readonly store: string;
  /** Path below the store of the directory to make; its parent exists, it does not. */
  readonly root: string;
  /** Paths of layers below the store, the lowest first. */
  readonly layers: readonly string[];
  /** Directories that a layer has without an entry, relative to the root. */
  readonly directories: readonly string[];
}

/**
 * Makes a layer that lies upon others and gives directories that the uppermost layer has no entry of (see
 * `implicitDirectories` of an unpacked layer) the owner, mode, time and attributes that the image means: those of the
 * next layer below that has one. What a layer hides of those below it does not count. A directory that no layer has an
 * entry of stays as it is.
 *
 * @returns how many directories differ; where none does, nothing is made.
 * @throws DevenvError `DEVENV_SETTLE_FAILED` when a layer cannot be read or a path is none.
 */
export async function settleDirectories(options: SettleOptions): Promise<number> {
  const { directories, layers, root, store } = options;
  const words = [
    ...["--root", root],
    ...layers.flatMap((layer) => ["--layer", layer]),
    ...directories.flatMap((directory) => ["--directory", directory]),
  ];
  const printed = await runStoreVerb("settle", store, words);
  if (!/^[0-9]+\n$/.test(printed))
    throw new Error(`Assertion failed: settle answered ${JSON.stringify(printed)}`);
  return Number(printed);
}

import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { DevenvError } from "../errors.ts";
import type { BlobDigest, Digest } from "../lock/types.ts";
import { temporaryName } from "../temporary-name.ts";
import { makeDirectory } from "./make-directory.ts";

const directories = [
  "blobs/sha256",
  "blobs/sha512",
  "layers",
  "compressed",
  "images",
  "steps",
  "elf",
  "entries",
  "environments",
  "indexes",
  "projects",
  "facts",
  "volumes",
  "tmp",
  "locks",
];

/** The content-addressed directory that holds blobs, unpacked layers and images. It only knows where things are. */
export interface Store {
  /** Absolute path. */
  readonly root: string;
  /** Where the blob with this SHA-256 or SHA-512 (hexadecimal) is, or would be. */
  blobPath(hex: string): string;
  /** Where the unpacked layer is, or would be. Its files belong to mapped ids: only the sandbox reads them. */
  layerPath(diffID: Digest): string;
  /** Where the description of the image with this manifest is, or would be. */
  imagePath(digest: Digest): string;
  /** Where what is known of the layer of an image with this digest is, or would be. */
  factsPath(digest: BlobDigest): string;
  /**
   * A new path that no one else uses, in `tmp/`, or in `layers/` for what becomes a layer: a directory that belongs to
   * a mapped id can be renamed, but not moved to another directory. The path carries the mark of this process, so that
   * `findLeftovers` can tell what a killed process left behind. `label` is for people: letters, digits, `-`, `_`.
   */
  temporaryPath(label: string, place?: "tmp" | "layers"): Promise<string>;
}

/**
 * Opens the store and creates what is missing of it. Without `root` it is `$DEVENV_STORE`, or `devenv` below
 * `$XDG_DATA_HOME`, or `~/.local/share/devenv`.
 *
 * @throws DevenvError `DEVENV_STORE` when it cannot be created.
 */
export async function openStore(root: string = defaultRoot()): Promise<Store> {
  const absolute = resolve(root);
  try {
    await makeDirectory(absolute);
    await Promise.all(directories.map((name) => makeDirectory(join(absolute, name))));
  } catch (cause) {
    throw new DevenvError("DEVENV_STORE", `${absolute}: the store cannot be created`, {
      hint: "Set DEVENV_STORE to a directory you may write to.",
      cause,
    });
  }
  return {
    root: absolute,
    blobPath: (hex) =>
      hex.length === 128
        ? join(absolute, "blobs/sha512", checkedHex(hex, 128))
        : join(absolute, "blobs/sha256", checkedHex(hex)),
    layerPath: (diffID) => join(absolute, "layers", checkedHex(diffID.replace(/^sha256:/, ""))),
    imagePath: (digest) => join(absolute, "images", `${checkedHex(digest.replace(/^sha256:/, ""))}.json`),
    factsPath: (digest) => {
      const hex = digest.replace(/^sha(?:256|512):/, "");
      return join(absolute, "facts", `${checkedHex(hex, hex.length === 128 ? 128 : 64)}.json`);
    },
    temporaryPath: async (label, place = "tmp") => join(absolute, place, await temporaryName(label)),
  };
}

function defaultRoot(): string {
  const { DEVENV_STORE: own, XDG_DATA_HOME: data } = process.env;
  if (own) return own;
  // The specification of XDG base directories says that a relative path is to be ignored.
  return join(data && isAbsolute(data) ? data : join(homedir(), ".local/share"), "devenv");
}

function checkedHex(hex: string, digits = 64): string {
  if (hex.length !== digits || !/^[0-9a-f]+$/.test(hex))
    throw new Error(`Assertion failed: ${hex} is not a digest of ${digits} digits`);
  return hex;
}

import { stat } from "node:fs/promises";

/** Tells without reading whether a file is still the one it was. Numbers are decimal strings: they exceed 2^53. */
export interface FileStamp {
  readonly device: string;
  readonly inode: string;
  /** Nanoseconds since 1970. */
  readonly modified: string;
  readonly size: string;
}

/** Undefined when there is no such file. */
export async function stampOf(file: string): Promise<FileStamp | undefined> {
  try {
    const { dev, ino, mtimeNs, size } = await stat(file, { bigint: true });
    return { device: `${dev}`, inode: `${ino}`, modified: `${mtimeNs}`, size: `${size}` };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Whether both are of the same, unchanged file; a file that is absent is never the same. */
export function isSameStamp(a: FileStamp | undefined, b: FileStamp | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  return a.device === b.device && a.inode === b.inode && a.modified === b.modified && a.size === b.size;
}

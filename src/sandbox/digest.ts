import type { BlobDigest } from "../lock/types.ts";
import { runStoreVerb } from "./store-verb.ts";

/** What was found of a file. */
export type FileDigest = { readonly digest: BlobDigest } | { readonly unreadable: string };

/**
 * The digests of files of the store, made on all processors.
 *
 * @param files paths below the store.
 * @returns one for each file, in their order.
 */
export async function digestFiles(
  store: string,
  algorithm: "sha256" | "sha512",
  files: readonly string[],
): Promise<FileDigest[]> {
  if (files.length === 0) return [];
  const printed = await runStoreVerb("digest", store, [algorithm, ...files]);
  const lines = printed.split("\n").slice(0, -1);
  if (lines.length !== files.length) throw new Error("Assertion failed: digest answered for other files");
  return lines.map((line): FileDigest => {
    if (/^sha(256|512):[0-9a-f]+$/.test(line)) return { digest: line as BlobDigest };
    return { unreadable: line.replace(/^unreadable /, "") };
  });
}

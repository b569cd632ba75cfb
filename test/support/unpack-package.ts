import { execFileSync } from "node:child_process";
import { join } from "node:path";
import {
  openIndexes,
  type PackageIndex,
  packageUrls,
  resolveMirrors,
} from "../../src/sources/debian/index.ts";
import { downloadBlobs, openStore } from "../../src/store/index.ts";

/**
 * Fetches a package of bookworm through our own door to the archive, and unpacks it below a directory; resolves to where
 * its files are. What a function makes of the index is its name.
 */
export async function unpackPackage(
  directory: string,
  architecture: string,
  name: string | ((index: PackageIndex) => string),
): Promise<string> {
  const store = await openStore(join(directory, "store"));
  const mirrors = resolveMirrors();
  const index = (await openIndexes("bookworm", [architecture], { store, mirrors })).get(architecture);
  const found = index && (typeof name === "string" ? name : name(index));
  const record = found === undefined ? undefined : index?.byName(found).at(-1);
  if (record === undefined) throw new Error(`no package ${found} in the archive`);
  await downloadBlobs(store, [{ ...record, urls: packageUrls(mirrors, record) }]);
  const files = join(directory, record.name);
  execFileSync("dpkg-deb", ["-x", store.blobPath(record.sha256), files]);
  return files;
}

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { entryOf, type Image, indexOf, writeLayout } from "../sources/registry/content.ts";
import { type DockerRegistry, skopeoCopy } from "../sources/registry/docker-registry.ts";

/** Pushes an index of images, one for each platform, under a name such as `acme/tools:1`; `words` are for skopeo. */
export async function pushImages(
  registry: DockerRegistry,
  name: string,
  images: ReadonlyMap<string, Image>,
  words: readonly string[] = ["--preserve-digests"],
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "devenv-image-"));
  const index = indexOf([...images].map(([platform, { manifest }]) => entryOf(manifest, platform)));
  const blobs = [...images.values()].flatMap(({ manifest, config, layers }) => [manifest, config, ...layers]);
  writeLayout(directory, index, blobs);
  const target = `docker://${registry.name}/${name}`;
  await skopeoCopy(`oci:${directory}:latest`, target, ["--all", ...words]);
  rmSync(directory, { recursive: true });
}

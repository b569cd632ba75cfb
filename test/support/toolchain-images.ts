import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Platform } from "../../src/lock/index.ts";
import { pushBlob, pushManifest, type RegistryClient } from "../../src/sources/registry/index.ts";
import { entryOf, imageOf, indexOf, types } from "../sources/registry/content.ts";
import type { DockerRegistry } from "../sources/registry/docker-registry.ts";
import { type TarEntry, tarOf } from "./archives.ts";

/** One tag of an official image. */
export interface ToolchainImage {
  /** `python:3.9.19-slim-bookworm`, `oven/bun:1.4.5-slim` */
  readonly reference: string;
  /** Below a layer that is the base's. */
  readonly files: readonly TarEntry[];
  /** Both unless given. */
  readonly platforms?: readonly Platform[];
  /** When it was built; it does not say so unless given. */
  readonly created?: string;
}

/** Pushes images to where a mirror of Docker's registry has them; each reference's digest comes back. */
export async function pushToolchainImages(
  client: RegistryClient,
  registry: DockerRegistry,
  images: readonly ToolchainImage[],
): Promise<Map<string, string>> {
  const digests = new Map<string, string>();
  for (const image of images) {
    const { created, files, platforms = ["linux/amd64", "linux/arm64"], reference } = image;
    const [name = "", tag = ""] = reference.split(":");
    const repository = name.includes("/") ? name : `library/${name}`;
    const target = { registry: registry.name, repository };
    const base = tarOf([{ name: "etc/os-release", content: "the image's own\n" }]);
    const built = platforms.map((platform) =>
      imageOf(
        platform,
        [base, tarOf([...files, { name: "usr/local/share/platform", content: platform }])],
        created === undefined ? {} : { created },
      ),
    );
    for (const { config, layers, manifest } of built) {
      for (const { bytes, descriptor } of [config, ...layers]) {
        await pushBlob(client, target, descriptor, async function* () {
          yield bytes;
        });
      }
      await pushManifest(client, target, manifest.bytes, types.image);
    }
    const index = indexOf(built.map(({ manifest }, position) => entryOf(manifest, platforms[position])));
    const { digest } = await pushManifest(client, { ...target, tag }, index.bytes, types.index);
    digests.set(reference, digest);
  }
  return digests;
}

/** Makes a registry stand in for Docker's, for who has `directory` as `XDG_CONFIG_HOME`. */
export function setDockerMirror(directory: string, url: string): void {
  mkdirSync(join(directory, "devenv"), { recursive: true });
  writeFileSync(
    join(directory, "devenv/settings.jsonc"),
    JSON.stringify({ registries: { "docker.io": { mirrors: [url] } } }),
  );
}

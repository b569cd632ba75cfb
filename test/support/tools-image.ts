import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Platform } from "../../src/lock/index.ts";
import { entryOf, imageOf, indexOf, writeLayout } from "../sources/registry/content.ts";
import { type DockerRegistry, skopeoCopy } from "../sources/registry/docker-registry.ts";
import { type TarEntry, tarOf } from "./archives.ts";

const applets = ["cat", "cp", "env", "grep", "id", "ls", "mkdir", "rm", "sh", "stat", "touch", "true"];

/** Tools, and files that the upper layer changes. */
const lower = tarOf([
  { name: "bin/", type: "5", mode: 0o755 },
  { name: "bin/busybox", content: readFileSync("/bin/busybox"), mode: 0o755 },
  ...applets.map((name): TarEntry => ({ name: `bin/${name}`, type: "2", link: "busybox" })),
  { name: "etc/", type: "5", mode: 0o755 },
  { name: "etc/passwd", content: "root:x:0:0::/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n" },
  { name: "etc/gone", content: "gone" },
  { name: "srv/", type: "5", mode: 0o755 },
  { name: "srv/hidden", content: "hidden" },
  { name: "tmp/", type: "5", mode: 0o1777 },
]);

const upperWith = (text: string): Buffer =>
  tarOf([
    { name: "etc/.wh.gone" },
    { name: "etc/release", content: `${text}\n` },
    { name: "srv/", type: "5", mode: 0o755 },
    { name: "srv/.wh..wh..opq" },
    { name: "srv/shown", content: "shown" },
  ]);

export const platforms: readonly Platform[] = ["linux/amd64", "linux/arm64"];

/** Pushes an image for both platforms whose upper layer says `text`; `words` are for skopeo. */
export async function pushTools(
  registry: DockerRegistry,
  name: string,
  text: string,
  config: object = {},
  words: readonly string[] = ["--preserve-digests"],
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "devenv-image-"));
  const Env = ["PATH=/bin:/opt/tool/bin", "TOOL=1", "HOME=/root"];
  const images = platforms.map((one) =>
    imageOf(one, [lower, upperWith(text)], { config: { Env }, ...config }),
  );
  const index = indexOf(images.map(({ manifest }, position) => entryOf(manifest, platforms[position])));
  const blobs = images.flatMap(({ config, layers, manifest }) => [manifest, config, ...layers]);
  writeLayout(directory, index, blobs);
  await skopeoCopy(`oci:${directory}:latest`, `docker://${registry.name}/${name}`, ["--all", ...words]);
  rmSync(directory, { recursive: true });
}

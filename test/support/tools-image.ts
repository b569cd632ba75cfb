import { readFileSync } from "node:fs";
import type { Platform } from "../../src/lock/index.ts";
import { imageOf } from "../sources/registry/content.ts";
import type { DockerRegistry } from "../sources/registry/docker-registry.ts";
import { type TarEntry, tarOf } from "./archives.ts";
import { pushImages } from "./push-image.ts";

const applets = ["cat", "cp", "env", "grep", "id", "ls", "mkdir", "rm", "sh", "stat", "touch", "true"];

/** A root in which there is a shell, and little else. */
export const busybox: readonly TarEntry[] = [
  { name: "bin/", type: "5", mode: 0o755 },
  { name: "bin/busybox", content: readFileSync("/bin/busybox"), mode: 0o755 },
  ...applets.map((name): TarEntry => ({ name: `bin/${name}`, type: "2", link: "busybox" })),
];

/** Tools, and files that the upper layer changes. */
const lower = tarOf([
  ...busybox,
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
  words?: readonly string[],
): Promise<void> {
  const Env = ["PATH=/bin:/opt/tool/bin", "TOOL=1", "HOME=/root"];
  const images = platforms.map(
    (one) => [one, imageOf(one, [lower, upperWith(text)], { config: { Env }, ...config })] as const,
  );
  await pushImages(registry, name, new Map(images), words);
}

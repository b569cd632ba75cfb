import type { ImageBase } from "../config/index.ts";
import { endOfDay } from "../day.ts";
import { DevenvError } from "../errors.ts";
import type { BlobDigest, Lock, Platform } from "../lock/index.ts";
import type { BaseImage } from "../resolve/index.ts";
import {
  type Descriptor,
  openRegistries,
  parseReference,
  type ResolvedImage,
  resolveImage,
} from "../sources/registry/index.ts";
import { lockedManifest } from "./locked-image.ts";

/**
 * The image that is the base, for every platform: the locked one where `previous` has it, else what the registry has
 * under the reference now.
 *
 * @throws DevenvError when there is no such image, or none for a platform; `DEVENV_AS_OF` when it was made after the
 *   day `asOf`: no registry tells what a tag stood for then.
 */
export async function openBaseImages(
  base: ImageBase,
  platforms: readonly Platform[],
  previous: Lock | undefined,
  asOf: string | undefined,
): Promise<Map<Platform, BaseImage>> {
  const inputs = new Map(
    platforms.flatMap((platform) => {
      const locked = previous?.platforms[platform];
      return locked?.base.kind === "image" && locked.base.reference === base.reference
        ? [[platform, { ...locked.base, created: locked.epoch }] as const]
        : [];
    }),
  );
  const missing = platforms.filter((platform) => !inputs.has(platform));
  if (missing.length === 0) return inputs;
  // All platforms have the same image: one that is new is taken from the index of the others.
  const index = [...inputs.values()].find((image) => image.index !== undefined)?.index;
  const found = await lookUpImages(base, missing, index);
  for (const { created } of found.values()) if (asOf !== undefined) refuseLater(base, created, asOf);
  return new Map(
    platforms.flatMap((platform) => {
      const image = inputs.get(platform) ?? found.get(platform);
      return image === undefined ? [] : [[platform, image] as const];
    }),
  );
}

async function lookUpImages(
  base: ImageBase,
  platforms: readonly Platform[],
  index: BlobDigest | undefined,
): Promise<Map<Platform, BaseImage>> {
  return await withPlace(base.reference, async () => {
    const reference = parseReference(base.reference);
    const wanted = index === undefined ? reference : { ...reference, digest: index };
    const { descriptor, images } = await resolveImage(openRegistries(), wanted, platforms);
    return new Map(images.map((image) => [image.platform, baseImage(base, descriptor, image)]));
  });
}

function refuseLater({ reference }: ImageBase, created: number, asOf: string): void {
  if (created * 1000 <= endOfDay(asOf).getTime()) return;
  const made = new Date(created * 1000).toISOString().slice(0, 10);
  throw new DevenvError("DEVENV_AS_OF", `${reference}: the image was made on ${made}, after ${asOf}`, {
    about: [reference],
    hint: "Name an image of that time: by a tag with a date in it (such as debian:bookworm-20240311-slim), or by digest.",
  });
}

/** Does the work; of what goes wrong the place in the configuration is that of the reference. */
export async function withPlace<T>(reference: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof DevenvError) || error.message.includes("\n")) throw error;
    const { cause, code, hint, message, usage } = error;
    throw new DevenvError(code, message, {
      about: [reference],
      cause,
      usage,
      ...(hint === undefined ? {} : { hint }),
    });
  }
}

function baseImage(base: ImageBase, top: Descriptor, image: ResolvedImage): BaseImage {
  const { config, imageConfig, layers } = image;
  const created = Date.parse(imageConfig.created ?? "");
  if (layers.length === 0)
    throw new DevenvError(
      "DEVENV_NOT_SUPPORTED",
      `${base.reference}: the image has no layers, so nothing to enter`,
    );
  return {
    kind: "image",
    reference: base.reference,
    ...lockedManifest(base.reference, top, image),
    config: { digest: config.digest, size: config.size },
    created: Number.isNaN(created) || created < 0 ? 0 : Math.floor(created / 1000),
  };
}

import type { Platform } from "../../lock/types.ts";
import { isObject } from "../json.ts";
import { isDigest, verify } from "./digest.ts";
import { registryError } from "./errors.ts";
import { quoteForeign } from "./redact.ts";
import type { Descriptor } from "./types.ts";

/** RFC 6838 section 4.2 */
const mediaTypePattern = /^[A-Za-z0-9][\w!#$&^.+-]{0,126}\/[A-Za-z0-9][\w!#$&^.+-]{0,126}$/;

/**
 * Reads a descriptor (OCI image specification, descriptor.md); content that it holds itself is checked.
 *
 * @throws DevenvError `DEVENV_REGISTRY_MANIFEST`, for held content `DEVENV_REGISTRY_SIZE` or `DEVENV_REGISTRY_DIGEST`
 */
export function readDescriptor(value: unknown, where: string): Descriptor {
  if (!isObject(value)) throw malformed(where, "is no object");
  const { mediaType, digest, size, platform, annotations, data } = value;
  if (typeof mediaType !== "string" || !mediaTypePattern.test(mediaType)) {
    throw malformed(where, "mediaType", mediaType);
  }
  if (!isDigest(digest)) throw malformed(where, "digest", digest);
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0)
    throw malformed(where, "size", size);
  const read = readPlatform(platform, `${where}: platform`);
  const descriptor: Descriptor = {
    mediaType,
    digest,
    size,
    ...(read === undefined ? {} : { platform: read }),
    ...(annotations === undefined || annotations === null
      ? {}
      : { annotations: readTexts(annotations, `${where}: annotations`) }),
    ...(typeof data === "string" ? { data } : {}),
  };
  if (descriptor.data !== undefined) verify(Buffer.from(descriptor.data, "base64"), descriptor, where);
  return descriptor;
}

/** Undefined where nothing is said, which some tools do with empty names. */
export function readPlatform(value: unknown, where: string): Platform | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isObject(value)) throw malformed(where, "is no object");
  const { os = "", architecture = "", variant = "" } = value;
  for (const part of [os, architecture, variant]) {
    if (typeof part !== "string" || !/^[\w.-]{0,64}$/.test(part)) throw malformed(where, "found", part);
  }
  if (os === "" || architecture === "") return undefined;
  return `${os as string}/${architecture as string}${variant === "" ? "" : `/${variant as string}`}`;
}

/** An object whose values are all texts. */
export function readTexts(value: unknown, where: string): Readonly<Record<string, string>> {
  if (!isObject(value)) throw malformed(where, "is no object");
  for (const text of Object.values(value))
    if (typeof text !== "string") throw malformed(where, "found", text);
  return value as Readonly<Record<string, string>>;
}

/** `DEVENV_REGISTRY_MANIFEST`; `found` is quoted. */
export function malformed(where: string, problem: string, ...found: readonly unknown[]) {
  const quoted = found.map((one) => ` ${quoteForeign(JSON.stringify(one) ?? "nothing", 120)}`).join("");
  return registryError("DEVENV_REGISTRY_MANIFEST", `${where}: ${problem}${quoted}`);
}

import type { Platform } from "../../lock/types.ts";
import type { Descriptor } from "./types.ts";

/**
 * What runs on a platform, the best first (OCI image specification, image-index.md; containerd's platforms): arm64 is
 * arm64/v8, amd64 is amd64/v1, arm is arm/v7, and a processor runs what was built for an earlier version of its kind.
 */
export function runnableOn(platform: Platform): readonly Platform[] {
  const [os = "", architecture = "", variant] = platform.split("/");
  const least = { amd64: 1, arm: 5, arm64: 8 }[architecture];
  const usual = { amd64: 1, arm: 7, arm64: 8 }[architecture];
  const version = variant === undefined ? usual : Number(/^v(\d)$/.exec(variant)?.[1]);
  if (least === undefined || version === undefined || Number.isNaN(version)) return [platform];
  const versions = Array.from({ length: Math.max(0, version - least + 1) }, (_, index) => version - index);
  return versions.map((one) => canonicalPlatform(`${os}/${architecture}/v${one}`));
}

/** One spelling for the same: the usual variant goes without saying. */
export function canonicalPlatform(platform: Platform): Platform {
  const [os = "", architecture = "", variant = ""] = platform.split("/");
  const usual = { amd64: "v1", arm: "v7", arm64: "v8" }[architecture];
  return variant === "" || variant === usual ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`;
}

/** Whether an index's entry says something about images instead of being one (BuildKit's attestations). */
export function isAttestation({ platform, annotations }: Descriptor): boolean {
  return platform === "unknown/unknown" || annotations?.["vnd.docker.reference.type"] !== undefined;
}

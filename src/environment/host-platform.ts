import type { Platform } from "../lock/types.ts";

/** The platform that programs of this host are for. */
export function hostPlatform(): Platform {
  const { arch, platform } = process;
  return `${platform}/${{ x64: "amd64" }[arch as string] ?? arch}`;
}

import type { Digest, LockedPart, LockedPlatform, LockedToolchain } from "../lock/index.ts";
import { digestOf, layerFormat } from "./cache-key.ts";

/**
 * Seconds since 1970 that nothing of a toolchain, or of another layer made of archives alone, is newer than: the
 * largest that pack takes. What compiled code says of its source's time has to stay true, and the archives give
 * everyone the same times anyway.
 */
export const unlimitedEpoch = 2 ** 32 - 1;

/** A layer that holds one toolchain: directories of archives, laid over one another. */
export interface Graft {
  /** The language. */
  readonly name: string;
  readonly toolchain: LockedToolchain;
  readonly cacheKey: Digest;
}

/**
 * The toolchains of a platform that come from archives. Their layers know nothing of what is below them, so that
 * every base and every project has the same.
 */
export function planGrafts({ toolchains = [] }: LockedPlatform): Graft[] {
  return toolchains
    .filter(({ parts }) => parts.length > 0)
    .map((toolchain) => ({
      name: toolchain.language,
      toolchain,
      cacheKey: digestOf({ layerFormat, graft: toolchain.parts.map(contentOf) }),
    }));
}

/** What decides the bytes of a part; from where they come does not. */
function contentOf(part: LockedPart): unknown {
  const { maps, links = {}, executables = [] } = part;
  return { content: identityOf(part), maps, links, executables };
}

function identityOf(part: LockedPart): unknown {
  switch (part.kind) {
    case "image":
      return part.layers.map(({ diffID }) => diffID);
    case "npm":
      return part.integrity;
    case "goproxy":
      return part.sum;
  }
}

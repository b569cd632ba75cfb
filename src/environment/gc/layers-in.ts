import type { Digest } from "../../lock/index.ts";

/** The layers that a text names by their places in a store. */
export function layersIn(text: string): Digest[] {
  return [...text.matchAll(/layers\/([0-9a-f]{64})/g)].map(([, hex = ""]) => `sha256:${hex}` as const);
}

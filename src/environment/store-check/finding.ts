import type { Digest } from "../../lock/index.ts";

/** Something in the store that is not as it should be. */
export interface StoreFinding {
  readonly kind: "blob" | "layer" | "image" | "step" | "derived" | "environment";
  /** Below the store. */
  readonly path: string;
  readonly problem: string;
  /** Of a layer. */
  readonly diffID?: Digest;
}

/** What was done about it, or why nothing was; a clause that a person can read. */
export interface StoreDamage extends StoreFinding {
  readonly isMended: boolean;
  readonly outcome: string;
}

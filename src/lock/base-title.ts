import type { Base } from "../config/index.ts";
import type { LockedBase } from "./types.ts";

/** A base as the configuration has it. */
export function baseTitle(base: Base | LockedBase): string {
  return base.kind === "image" ? base.reference : `bootstrap:${base.distribution}/${base.suite}`;
}

import type { BaseFacts } from "../languages/index.ts";

/** What the root file system of an image says about itself. */
export interface ImageFacts extends BaseFacts {
  /** dpkg's list of what is installed, or what distroless images have in its place; absent without either. */
  readonly status?: string;
}

const debianVersions = { bullseye: "11", bookworm: "12", trixie: "13" } as const;

/** The facts of a base that is bootstrapped from a release of Debian. */
export function factsOfBootstrap(suite: keyof typeof debianVersions): BaseFacts {
  return { distribution: "debian", version: debianVersions[suite], codename: suite, libc: "glibc" };
}

/** What the root file system of a base says about itself. */
export interface BaseFacts {
  /** `ID` of os-release: `debian`, `alpine`; empty when there is no os-release. */
  readonly distribution: string;
  /** `VERSION_ID`: `12`, `3.20.3`; empty where the distribution has none. */
  readonly version: string;
  /** `VERSION_CODENAME`: `bookworm`; empty where the distribution has none. */
  readonly codename: string;
  /** Whose programs run there. */
  readonly libc: "glibc" | "musl" | "unknown";
  /** dpkg's list of what is installed, or what distroless images have in its place; absent without either. */
  readonly status?: string;
}

const debianVersions = { bullseye: "11", bookworm: "12", trixie: "13" } as const;

/** The facts of a base that is bootstrapped from a release of Debian. */
export function factsOfBootstrap(suite: keyof typeof debianVersions): BaseFacts {
  return { distribution: "debian", version: debianVersions[suite], codename: suite, libc: "glibc" };
}

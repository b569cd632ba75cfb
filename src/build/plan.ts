import { createHash } from "node:crypto";
import { DevenvError } from "../errors.ts";
import {
  canonicalJson,
  type Digest,
  type LockedBaseLayer,
  type LockedPackage,
  type LockedPlatform,
  type Platform,
} from "../lock/index.ts";
import { mergedUsrLinks, type TopLink } from "../sandbox/index.ts";
import { baseScript, imagePackagesScript, packagesScript, stepEnvironment } from "./scripts.ts";

/** One layer to be built: everything that decides its content, and nothing else. */
export interface Step {
  readonly name: "base" | "packages";
  readonly packages: readonly LockedPackage[];
  /** Links at the top of a new root, each with its target: only for a base. */
  readonly links: readonly TopLink[];
  readonly epoch: number;
  /** Run by /bin/sh inside the root. */
  readonly script: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly cacheKey: Digest;
}

/**
 * Part of every cache key: raised when the same plan begins to give other bytes, that is, when unpacking, the sandbox
 * or packing changes what a layer looks like.
 */
const layerFormat = 1;

/** The cache key of a layer of somebody else's image: the layer is the same in every image that has it. */
export function pulledKey({ diffID }: Pick<LockedBaseLayer, "diffID">): Digest {
  return digestOf({ layerFormat, pulled: diffID });
}

/** The steps from the lock to the image, each on top of the one before it. */
export function planSteps(platform: Platform, locked: LockedPlatform): Step[] {
  const { base, packages, epoch } = locked;
  const environment = stepEnvironment(epoch);
  const steps: Step[] = [];
  // The layers of an image are no steps, and what they are is known before they are there.
  const pulled = base.kind === "image" ? base.layers.map(({ diffID }) => diffID) : null;
  const add = (name: Step["name"], list: readonly LockedPackage[], links: Step["links"], script: string) => {
    const content = { packages: list, links, epoch, script, environment };
    const cacheKey = digestOf({
      layerFormat,
      platform,
      name,
      parent: steps.at(-1)?.cacheKey ?? pulled,
      ...content,
      packages: list.map(({ name, architecture, sha256 }) => ({ name, architecture, sha256 })),
    });
    steps.push({ name, ...content, cacheKey });
  };
  if (base.kind === "bootstrap")
    add("base", base.packages, mergedUsrLinks(architectureOf(platform)), baseScript(base.packages));
  const script = base.kind === "bootstrap" ? packagesScript : imagePackagesScript;
  if (packages.length > 0) add("packages", packages, [], script(packages));
  return steps;
}

/** Debian's names for the platforms devenv builds. */
const architectures: Readonly<Record<Platform, string>> = { "linux/amd64": "amd64", "linux/arm64": "arm64" };

function architectureOf(platform: Platform): string {
  const architecture = architectures[platform];
  if (architecture === undefined) {
    throw new DevenvError("DEVENV_PLATFORM", `${platform}: Debian cannot be bootstrapped for this platform`);
  }
  return architecture;
}

function digestOf(value: unknown): Digest {
  return `sha256:${createHash("sha256").update(canonicalJson(value)).digest("hex")}`;
}

import { DevenvError } from "../errors.ts";
import type { Digest, LockedBaseLayer, LockedPackage, LockedPlatform, Platform } from "../lock/index.ts";
import { mergedUsrLinks, type TopLink } from "../sandbox/index.ts";
import { digestOf, layerFormat } from "./cache-key.ts";
import {
  baseScript,
  imagePackagesScript,
  packagesScript,
  stepEnvironment,
  toolchainsScript,
} from "./scripts.ts";

/** One layer to be built: everything that decides its content, and nothing else. */
export interface Step {
  readonly name: "base" | "packages" | "toolchains";
  readonly packages: readonly LockedPackage[];
  /** Links at the top of a new root, each with its target: only for a base. */
  readonly links: readonly TopLink[];
  readonly epoch: number;
  /** Run by /bin/sh inside the root. */
  readonly script: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly cacheKey: Digest;
}

/** The cache key of a layer of somebody else's image: the layer is the same in every image that has it. */
export function pulledKey({ diffID }: Pick<LockedBaseLayer, "diffID">): Digest {
  return digestOf({ layerFormat, pulled: diffID });
}

/**
 * The cache key of the layer that says what the directories of somebody else's image are like which its upper layers
 * have no entry of; `layers` are those of the image that can be seen, the lowest first.
 */
export function directoriesKey(layers: readonly Digest[]): Digest {
  return digestOf({ layerFormat, directories: layers });
}

/**
 * The steps from the lock to base and packages, each on top of the one before it. `directories` is the layer above
 * those of the base's image, when it needs one.
 */
export function planSteps(platform: Platform, locked: LockedPlatform, directories?: Digest): Step[] {
  const { base, packages, epoch } = locked;
  const environment = stepEnvironment(epoch);
  const steps: Step[] = [];
  // The layers of an image are no steps, and what they are is known before they are there.
  const pulled =
    base.kind === "image"
      ? [...base.layers.map(({ diffID }) => diffID), ...(directories === undefined ? [] : [directories])]
      : null;
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

/**
 * The step that makes toolchains at home on what is below them: the linker learns of their libraries, and each has to
 * say its version. Undefined where packages are all there is.
 */
export function planToolchains(
  platform: Platform,
  { epoch, toolchains = [] }: LockedPlatform,
  below: readonly { readonly cacheKey: Digest }[],
  variables: Readonly<Record<string, string>>,
): Step | undefined {
  if (toolchains.every(({ parts }) => parts.length === 0)) return undefined;
  const content = {
    packages: [],
    links: [],
    epoch,
    script: toolchainsScript(toolchains, variables),
    environment: stepEnvironment(epoch),
  };
  const parents = below.map(({ cacheKey }) => cacheKey);
  const cacheKey = digestOf({ layerFormat, platform, name: "toolchains", parents, ...content });
  return { name: "toolchains", ...content, cacheKey };
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

import { DevenvError } from "../errors.ts";
import { languageOf } from "../languages/index.ts";
import { baseTitle, type LockedPlatform, type LockedToolchain, type Platform } from "../lock/index.ts";
import { sourcesOf } from "../resolve/index.ts";
import type { Store } from "../store/index.ts";
import { checkLibraries, describeLibraries, type LibraryResult, layerInventory } from "./elf/index.ts";
import type { BuiltLayer } from "./oci.ts";

/** What the programs of a toolchain need and the root does not have. */
export interface ToolchainNeeds {
  readonly toolchain: LockedToolchain;
  readonly result: LibraryResult;
}

/** Looks up what the grafted toolchains need in the root that is made of these layers, the lowest first. */
export async function findNeeds(
  store: Store,
  platform: Platform,
  toolchains: readonly LockedToolchain[],
  layers: readonly Pick<BuiltLayer, "diffID" | "step">[],
): Promise<ToolchainNeeds[]> {
  const inventories = await Promise.all(layers.map(({ diffID }) => layerInventory(store, diffID)));
  const architecture = platform === "linux/arm64" ? "arm64" : "amd64";
  return toolchains
    .filter(({ parts }) => parts.length > 0)
    .map((toolchain) => {
      const { language, optional = [] } = toolchain;
      const own = layers.flatMap(({ step }, index) => (step === language ? [index] : []));
      const result = checkLibraries({ layers: inventories, toolchain: own, architecture, optional });
      return { toolchain, result };
    });
}

/**
 * The error that what a toolchain needs amounts to, undefined when it can be accepted: `DEVENV_TOOLCHAIN_LIBC`,
 * `DEVENV_TOOLCHAIN_LIBRARIES`. Libraries that packages bring are not missing.
 */
export function refusalOf(
  { result, toolchain }: ToolchainNeeds,
  { base }: LockedPlatform,
  packaged: ReadonlySet<string> = new Set(),
): DevenvError | undefined {
  const { language, libraries, source, version } = toolchain;
  const known = languageOf(language);
  const others = known === undefined ? [] : sourcesOf(known).filter((one) => one !== source);
  const alternatives = [
    "Ask for another version, or take a base with the C library that it is made for, such as bootstrap:debian/trixie.",
    ...(others.length === 0 ? [] : [`Other sources of ${language} are: ${others.join(", ")}.`]),
  ];
  const title = baseTitle(base).replace("bootstrap:", "");
  const context = { toolchain: `${language} ${version}`, base: title, alternatives, packaged };
  const error = describeLibraries(result, context);
  if (error === undefined) return undefined;
  const { code, hint = "", message } = error;
  const isUnknown = code === "DEVENV_TOOLCHAIN_LIBRARIES" && libraries === undefined && packaged.size === 0;
  const first = isUnknown ? "`devenv up` without --frozen looks for packages that have them. " : "";
  return new DevenvError(code, message, { about: [`languages.${language}`], hint: `${first}${hint}` });
}

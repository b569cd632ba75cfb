import { DevenvError } from "../errors.ts";
import type { Platform } from "../lock/index.ts";
import type { BaseImage } from "../resolve/index.ts";
import type { BaseFacts } from "../sources/base-facts.ts";
import {
  type InstalledPackage,
  readStatus,
  type Suite,
  type System,
  systemOf,
} from "../sources/debian/index.ts";
import { openRegistries, parseReference, readBaseFacts } from "../sources/registry/index.ts";
import type { Store } from "../store/index.ts";
import { withPlace } from "./base-images.ts";
import { architectureOf, type IndexOptions, openSuite } from "./suite-indexes.ts";

/**
 * What each image has installed and could have, found out without running anything of it.
 *
 * @param wanted the packages that are to be installed, for the error.
 * @throws DevenvError `DEVENV_NOT_SUPPORTED` for an image of another distribution or release, or without dpkg;
 *   `DEVENV_BASE_PACKAGES` when what is installed there is in disorder.
 */
export async function openSystems(
  store: Store,
  images: ReadonlyMap<Platform, BaseImage>,
  wanted: readonly string[],
  options: IndexOptions = {},
): Promise<Map<Platform, System>> {
  const client = openRegistries();
  const looks = [...images].map(async ([platform, { layers, reference }]): Promise<Look> => {
    const image = { client, layers, reference, repository: parseReference(reference) };
    return await withPlace(reference, async () =>
      inspect(platform, reference, await readBaseFacts(store, image), wanted),
    );
  });
  await Promise.allSettled(looks);
  const found = await Promise.all(looks);
  const systems = new Map<Platform, System>();
  for (const suite of new Set(found.map((look) => look.suite))) {
    const those = found.filter((look) => look.suite === suite);
    const indexes = await openSuite(
      store,
      suite,
      those.map(({ platform }) => platform),
      options,
    );
    for (const { installed, platform } of those) {
      const index = indexes.get(platform);
      if (index !== undefined) systems.set(platform, systemOf(suite, index, installed));
    }
  }
  return systems;
}

interface Look {
  readonly platform: Platform;
  readonly suite: Suite;
  readonly installed: readonly InstalledPackage[];
}

function inspect(platform: Platform, reference: string, facts: BaseFacts, wanted: readonly string[]): Look {
  const { codename, distribution, status = "" } = facts;
  const refuse = (what: string): DevenvError => {
    const names = wanted.length === 0 ? "" : `: ${wanted.join(", ")}`;
    return new DevenvError(
      "DEVENV_NOT_SUPPORTED",
      `${reference}: ${what}: packages cannot be installed there yet${names}`,
      {
        usage: true,
        hint: "Packages can be installed on images of Debian bullseye, bookworm and trixie that have dpkg, and on bases such as bootstrap:debian/bookworm.",
      },
    );
  };
  if (distribution === "") throw refuse("does not say what it is (it has no os-release)");
  const title = titleOf(facts);
  if (distribution !== "debian") throw refuse(`is ${title}`);
  if (codename !== "bullseye" && codename !== "bookworm" && codename !== "trixie")
    throw refuse(codename === "" ? `is ${title} without a codename` : `is ${title} (${codename})`);
  if (!/^Package: dpkg$/m.test(status)) throw refuse(`is ${title} without dpkg`);
  const name = `${reference} for ${platform}`;
  const installed = readStatus(status, { architecture: architectureOf(platform), name });
  return { platform, suite: codename, installed };
}

/** `Alpine 3.20.3` */
function titleOf({ distribution, version }: BaseFacts): string {
  const name = distribution.slice(0, 1).toUpperCase() + distribution.slice(1);
  return version === "" ? name : `${name} ${version}`;
}

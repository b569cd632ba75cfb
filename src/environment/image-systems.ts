import { DevenvError } from "../errors.ts";
import type { Platform } from "../lock/index.ts";
import type { BaseImage } from "../resolve/index.ts";
import type { ImageFacts } from "../sources/base-facts.ts";
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

/** What an image is, and what it has and could have where packages can be installed on it. */
export interface LookedInto {
  readonly facts: ImageFacts;
  readonly system?: System;
}

export interface SystemOptions extends IndexOptions {
  /** Packages that have to be installable, for the error; without it an image on which none can be is no error. */
  readonly wanted?: readonly string[];
}

/**
 * What each image is, has installed and could have, found out without running anything of it.
 *
 * @throws DevenvError `DEVENV_NOT_SUPPORTED` for an image of another distribution or release, or without dpkg, when
 *   packages are wanted; `DEVENV_BASE_PACKAGES` when what is installed there is in disorder.
 */
export async function lookInto(
  store: Store,
  images: ReadonlyMap<Platform, BaseImage>,
  options: SystemOptions = {},
): Promise<Map<Platform, LookedInto>> {
  const client = openRegistries();
  const looks = [...images].map(async ([platform, { layers, reference }]): Promise<Look> => {
    const image = { client, layers, reference, repository: parseReference(reference) };
    return await withPlace(reference, async () =>
      inspect(platform, reference, await readBaseFacts(store, image), options.wanted),
    );
  });
  await Promise.allSettled(looks);
  const found = await Promise.all(looks);
  const systems = new Map<Platform, LookedInto>(found.map(({ facts, platform }) => [platform, { facts }]));
  const debian = found.flatMap(({ facts, installed, platform, suite }) =>
    suite === undefined ? [] : [{ facts, installed, platform, suite }],
  );
  for (const suite of new Set(debian.map((look) => look.suite))) {
    const those = debian.filter((look) => look.suite === suite);
    const platforms = those.map(({ platform }) => platform);
    const indexes = await openSuite(store, suite, platforms, options);
    for (const { facts, installed, platform } of those) {
      const index = indexes.get(platform);
      if (index !== undefined) systems.set(platform, { facts, system: systemOf(suite, index, installed) });
    }
  }
  return systems;
}

interface Look {
  readonly platform: Platform;
  readonly facts: ImageFacts;
  /** Absent where no packages can be installed. */
  readonly suite?: Suite;
  readonly installed: readonly InstalledPackage[];
}

function inspect(
  platform: Platform,
  reference: string,
  facts: ImageFacts,
  wanted: readonly string[] | undefined,
): Look {
  const suite = suiteOf(facts);
  const { status = "" } = facts;
  if (typeof suite === "string" && /^Package: dpkg$/m.test(status)) {
    const name = `${reference} for ${platform}`;
    const installed = readStatus(status, { architecture: architectureOf(platform), name });
    return { platform, facts, suite, installed };
  }
  if (wanted === undefined) return { platform, facts, installed: [] };
  const what = typeof suite === "string" ? `is ${titleOf(facts)} without dpkg` : suite.instead;
  const names = wanted.length === 0 ? "" : `: ${wanted.join(", ")}`;
  throw new DevenvError(
    "DEVENV_NOT_SUPPORTED",
    `${reference}: ${what}: packages cannot be installed there yet${names}`,
    {
      usage: true,
      hint: "Packages can be installed on images of Debian bullseye, bookworm and trixie that have dpkg, and on bases such as bootstrap:debian/bookworm.",
    },
  );
}

/** The release of Debian that an image is, or what it is instead. */
function suiteOf(facts: ImageFacts): Suite | { readonly instead: string } {
  const { codename, distribution } = facts;
  if (distribution === "") return { instead: "does not say what it is (it has no os-release)" };
  if (distribution !== "debian") return { instead: `is ${titleOf(facts)}` };
  if (codename === "bullseye" || codename === "bookworm" || codename === "trixie") return codename;
  return { instead: `is ${titleOf(facts)} ${codename === "" ? "without a codename" : `(${codename})`}` };
}

/** `Alpine 3.20.3` */
function titleOf({ distribution, version }: ImageFacts): string {
  const name = distribution.slice(0, 1).toUpperCase() + distribution.slice(1);
  return version === "" ? name : `${name} ${version}`;
}

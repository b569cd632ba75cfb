import { languageNames } from "../languages/index.ts";
import { checkToolchains } from "./check-toolchains.ts";
import {
  type Check,
  type Complain,
  checkFields,
  digest,
  imageLayers,
  imageReference,
  isObject,
  isoDate,
  list,
  matching,
  oneOf,
  shown,
  wholeNumber,
} from "./fields.ts";

/**
 * Every way in which a value is not a lock, in words; none when it is one.
 *
 * The file is read from repositories that strangers write to, and its paths and digests become URLs, file names and
 * arguments, so that every field is checked here and nowhere trusted before.
 */
export function lockProblems(value: unknown): string[] {
  const problems: string[] = [];
  const complain: Complain = (path, found, expected) => {
    problems.push(`${path === "" ? "" : `${path}: `}found ${shown(found)}, expected ${expected}`);
  };
  checkFields(value, "", complain, {
    lockVersion: (field, path) => field === 1 || complain(path, field, "1"),
    configuration: digest(complain),
    platforms: (field, path) => checkPlatforms(field, path, complain),
  });
  return problems;
}

const architectures: Readonly<Record<string, string>> = { "linux/amd64": "amd64", "linux/arm64": "arm64" };

function checkPlatforms(value: unknown, path: string, complain: Complain): void {
  if (!isObject(value)) {
    complain(path, value, "an object");
    return;
  }
  const entries = Object.entries(value);
  if (entries.length === 0) complain(path, value, "at least one platform");
  for (const [platform, locked] of entries) {
    if (!Object.hasOwn(architectures, platform)) {
      complain(path, platform, "a platform: linux/amd64 or linux/arm64");
      continue;
    }
    checkPlatform(locked, `platforms[${JSON.stringify(platform)}]`, architectures[platform] ?? "", complain);
  }
}

function checkPlatform(value: unknown, path: string, architecture: string, complain: Complain): void {
  const names = new Set<string>();
  const packages = list(complain, (item, itemPath) =>
    checkPackage(item, itemPath, architecture, names, complain),
  );
  checkFields(
    value,
    path,
    complain,
    {
      base: (base, basePath) => checkBase(base, basePath, packages, complain),
      epoch: wholeNumber(complain, 0),
      packages,
    },
    {
      toolchains: (toolchains, itemPath) => checkToolchains(toolchains, itemPath, complain),
      image: (image, imagePath) => checkImage(image, imagePath, complain),
    },
  );
}

function checkBase(value: unknown, path: string, packages: Check, complain: Complain): void {
  if (isObject(value) && value.kind === "image") {
    checkImageBase(value, path, complain);
    return;
  }
  const suite = isObject(value) ? value.suite : undefined;
  checkFields(value, path, complain, {
    kind: oneOf(complain, ["bootstrap", "image"]),
    distribution: oneOf(complain, ["debian"]),
    suite: oneOf(complain, ["bullseye", "bookworm", "trixie"]),
    releases: list(complain, (item, itemPath) =>
      checkFields(item, itemPath, complain, {
        archive: oneOf(complain, ["debian", "debian-security"]),
        suite: oneOf(complain, [`${suite}`, `${suite}-updates`, `${suite}-security`]),
        date: isoDate(complain),
        sha256: matching(complain, /^[0-9a-f]{64}$/, "64 lower-case hexadecimal digits"),
      }),
    ),
    packages,
  });
}

function checkImageBase(value: unknown, path: string, complain: Complain): void {
  const size = wholeNumber(complain, 0);
  checkFields(
    value,
    path,
    complain,
    {
      kind: oneOf(complain, ["image"]),
      reference: imageReference(complain),
      digest: digest(complain),
      config: (config, configPath) =>
        checkFields(config, configPath, complain, { digest: digest(complain), size }),
      layers: imageLayers(complain),
    },
    { index: digest(complain) },
  );
}

function checkPackage(
  value: unknown,
  path: string,
  architecture: string,
  names: Set<string>,
  complain: Complain,
): void {
  checkFields(
    value,
    path,
    complain,
    {
      name: (name, namePath) => {
        matching(complain, /^[a-z0-9][a-z0-9+.-]+$/, "the name of a Debian package")(name, namePath);
        if (typeof name !== "string") return;
        if (names.has(name)) complain(namePath, name, "each package once in a platform");
        names.add(name);
      },
      version: matching(complain, /^(?:[0-9]+:)?[0-9A-Za-z][0-9A-Za-z.+~-]*$/, "a Debian version"),
      architecture: oneOf(complain, [architecture, "all"]),
      sha256: matching(complain, /^[0-9a-f]{64}$/, "64 lower-case hexadecimal digits"),
      size: wholeNumber(complain, 1),
      archive: oneOf(complain, ["debian", "debian-security"]),
      path: matching(
        complain,
        /^pool(?:\/(?!\.{1,2}\/)[0-9A-Za-z.+~_%-]+)*\/(?!\.)[0-9A-Za-z.+~_%-]+\.deb$/,
        'a path below pool/ that ends in .deb, without "." and ".."',
      ),
    },
    { stage: wholeNumber(complain, 0) },
  );
}

function checkImage(value: unknown, path: string, complain: Complain): void {
  checkFields(value, path, complain, {
    digest: digest(complain),
    layers: list(complain, (item, itemPath) =>
      checkFields(item, itemPath, complain, {
        step: oneOf(complain, ["base", "packages", ...languageNames, "toolchains"]),
        cacheKey: digest(complain),
        diffID: digest(complain),
      }),
    ),
  });
}

import { builtLayers, commands } from "./check-layers.ts";
import { request } from "./check-request.ts";
import { checkToolchains } from "./check-toolchains.ts";
import {
  blobDigest,
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
  packageName,
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
    request: request(complain),
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
      packages: (list, listPath) => {
        packages(list, listPath);
        checkOrigin(value, listPath, complain);
      },
    },
    {
      toolchains: (toolchains, itemPath) => checkToolchains(toolchains, itemPath, complain),
      layers: commands(complain),
      image: (image, imagePath) => checkImage(image, imagePath, complain),
      built: builtLayers(complain),
    },
  );
}

/** Packages are those of a release, which the base says. */
function checkOrigin(value: unknown, path: string, complain: Complain): void {
  const { base, packages } = isObject(value) ? value : {};
  if (!Array.isArray(packages) || packages.length === 0) return;
  if (isObject(base) && base.kind === "image" && base.suite === undefined)
    complain(path, packages, "none, as the base names no release that they are of");
}

function checkBase(value: unknown, path: string, packages: Check, complain: Complain): void {
  if (isObject(value) && value.kind === "image") {
    checkImageBase(value, path, complain);
    return;
  }
  checkFields(value, path, complain, {
    kind: oneOf(complain, ["bootstrap", "image"]),
    ...originFields(value, complain),
    packages,
  });
}

/** Where the packages on a base come from. */
function originFields(base: unknown, complain: Complain): Readonly<Record<string, Check>> {
  const suite = isObject(base) ? base.suite : undefined;
  return {
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
  };
}

function checkImageBase(value: Record<string, unknown>, path: string, complain: Complain): void {
  const origin = originFields(value, complain);
  const hasOrigin = Object.keys(origin).some((key) => Object.hasOwn(value, key));
  const size = wholeNumber(complain, 0);
  checkFields(
    value,
    path,
    complain,
    {
      kind: oneOf(complain, ["image"]),
      reference: imageReference(complain),
      digest: blobDigest(complain),
      config: (config, configPath) =>
        checkFields(config, configPath, complain, { digest: blobDigest(complain), size }),
      layers: imageLayers(complain),
      ...(hasOrigin ? origin : {}),
    },
    { index: blobDigest(complain) },
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
        packageName(complain)(name, namePath);
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
  checkFields(value, path, complain, { digest: digest(complain), layers: builtLayers(complain) });
}

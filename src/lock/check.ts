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

type Complain = (path: string, found: unknown, expected: string) => void;
type Check = (value: unknown, path: string) => unknown;

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
    { image: (image, imagePath) => checkImage(image, imagePath, complain) },
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
      reference: matching(
        complain,
        /^(?!bootstrap:)(?!.*\/\/)[A-Za-z0-9[][A-Za-z0-9.:[\]_/-]*(?:@sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128}))?$/,
        "an OCI image reference such as debian:bookworm-slim",
      ),
      digest: digest(complain),
      config: (config, configPath) =>
        checkFields(config, configPath, complain, { digest: digest(complain), size }),
      layers: filledList(complain, (layer, layerPath) =>
        checkFields(layer, layerPath, complain, {
          digest: digest(complain),
          size,
          compression: oneOf(complain, ["none", "gzip", "zstd"]),
          diffID: digest(complain),
        }),
      ),
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
        step: oneOf(complain, ["base", "packages"]),
        cacheKey: digest(complain),
        diffID: digest(complain),
      }),
    ),
  });
}

/** Holds an object to exactly these fields. */
function checkFields(
  value: unknown,
  path: string,
  complain: Complain,
  required: Readonly<Record<string, Check>>,
  optional: Readonly<Record<string, Check>> = {},
): void {
  if (!isObject(value)) {
    complain(path, value, "an object");
    return;
  }
  for (const key of Object.keys(value)) {
    const check = own(required, key) ?? own(optional, key);
    if (check === undefined)
      complain(path, key, `only the keys ${Object.keys({ ...required, ...optional }).join(", ")}`);
    else check(value[key], path === "" ? key : `${path}.${key}`);
  }
  for (const key of Object.keys(required)) {
    if (!Object.hasOwn(value, key)) complain(path, undefined, `the key ${JSON.stringify(key)}`);
  }
}

function list(complain: Complain, check: Check): Check {
  return (value, path) => {
    if (!Array.isArray(value)) {
      complain(path, value, "a list");
      return;
    }
    value.forEach((item, index) => {
      check(item, `${path}[${index}]`);
    });
  };
}

function filledList(complain: Complain, check: Check): Check {
  return (value, path) => {
    if (Array.isArray(value) && value.length === 0) complain(path, value, "at least one item");
    else list(complain, check)(value, path);
  };
}

function digest(complain: Complain): Check {
  return matching(complain, /^sha256:[0-9a-f]{64}$/, "sha256: and 64 lower-case hexadecimal digits");
}

function matching(complain: Complain, pattern: RegExp, expected: string): Check {
  return (value, path) =>
    (typeof value === "string" && pattern.test(value)) || complain(path, value, expected);
}

function oneOf(complain: Complain, values: readonly string[]): Check {
  return (value, path) =>
    (typeof value === "string" && values.includes(value)) || complain(path, value, values.join(" or "));
}

function wholeNumber(complain: Complain, minimum: number): Check {
  return (value, path) =>
    (Number.isSafeInteger(value) && (value as number) >= minimum && !Object.is(value, -0)) ||
    complain(path, value, `a whole number, ${minimum} or more`);
}

function isoDate(complain: Complain): Check {
  return (value, path) =>
    (typeof value === "string" &&
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z$/.test(value) &&
      !Number.isNaN(Date.parse(value))) ||
    complain(path, value, "a date such as 2024-03-17T08:15:00Z");
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (isObject(value)) return "an object";
  // Control and direction characters could make a terminal show something else than what is there.
  const text = JSON.stringify(value).replace(
    /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return text.length > 80 ? `${text.slice(0, 76)} …` : text;
}

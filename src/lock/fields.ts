/** Says what was found at a path of the lock, and what was expected. */
export type Complain = (path: string, found: unknown, expected: string) => void;

/** Looks at one value and complains. */
export type Check = (value: unknown, path: string) => unknown;

/** Holds an object to exactly these fields. */
export function checkFields(
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

export function list(complain: Complain, check: Check): Check {
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

export function filledList(complain: Complain, check: Check): Check {
  return (value, path) => {
    if (Array.isArray(value) && value.length === 0) complain(path, value, "at least one item");
    else list(complain, check)(value, path);
  };
}

/** The digest of something in a registry. */
export function blobDigest(complain: Complain): Check {
  return matching(
    complain,
    /^sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})$/,
    "sha256: and 64 or sha512: and 128 lower-case hexadecimal digits",
  );
}

export function digest(complain: Complain): Check {
  return matching(complain, /^sha256:[0-9a-f]{64}$/, "sha256: and 64 lower-case hexadecimal digits");
}

export function matching(complain: Complain, pattern: RegExp, expected: string): Check {
  return (value, path) =>
    (typeof value === "string" && pattern.test(value)) || complain(path, value, expected);
}

export function packageName(complain: Complain): Check {
  return matching(complain, /^[a-z0-9][a-z0-9+.-]+$/, "the name of a Debian package");
}

export function oneOf(complain: Complain, values: readonly string[]): Check {
  return (value, path) =>
    (typeof value === "string" && values.includes(value)) || complain(path, value, values.join(" or "));
}

export function wholeNumber(complain: Complain, minimum: number): Check {
  return (value, path) =>
    (Number.isSafeInteger(value) && (value as number) >= minimum && !Object.is(value, -0)) ||
    complain(path, value, `a whole number, ${minimum} or more`);
}

export function isoDate(complain: Complain): Check {
  return (value, path) =>
    (typeof value === "string" &&
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z$/.test(value) &&
      !Number.isNaN(Date.parse(value))) ||
    complain(path, value, "a date such as 2024-03-17T08:15:00Z");
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

export function shown(value: unknown): string {
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

/** An OCI image reference. */
export function imageReference(complain: Complain): Check {
  return matching(
    complain,
    /^(?!bootstrap:)(?!.*\/\/)[A-Za-z0-9[][A-Za-z0-9.:[\]_/-]*(?:@sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128}))?$/,
    "an OCI image reference such as debian:bookworm-slim",
  );
}

/** The layers of an OCI image, at least one. */
export function imageLayers(complain: Complain): Check {
  return filledList(complain, (layer, path) =>
    checkFields(layer, path, complain, {
      digest: blobDigest(complain),
      size: wholeNumber(complain, 0),
      compression: oneOf(complain, ["none", "gzip", "zstd"]),
      diffID: digest(complain),
    }),
  );
}

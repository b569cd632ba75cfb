import { describe, expect, test } from "vitest";
import { publishedSchema } from "../../src/config/published.ts";
import { configSchema, type Schema } from "../../src/config/schema.ts";
import { editDistance, similar } from "../../src/config/similar.ts";

/** The keys of the format, as the design lists them. */
const keys = [
  "$schema",
  "name",
  "base",
  "platforms",
  "asOf",
  "languages",
  "packages",
  "layers",
  "env",
  "mounts",
  "ports",
  "limits",
  "network",
  "hooks",
  "hostPorts",
  "services",
  "tasks",
  "cache",
];

describe("the schema", () => {
  test("has a place for every key of the format", () => {
    expect(Object.keys(configSchema.properties).sort()).toEqual([...keys].sort());
    expect(Object.keys(configSchema.properties.limits.properties)).toEqual([
      "cpus",
      "memory",
      "swap",
      "pids",
      "disk",
      "io",
    ]);
  });

  test("every pattern is a regular expression of the u flag that JSON Schema asks for", () => {
    for (const { pattern } of allSchemas(configSchema)) if (pattern !== undefined) new RegExp(pattern, "u");
  });
});

describe("the published schema", () => {
  const published = JSON.parse(JSON.stringify(publishedSchema()));

  test("has the same keys and the dialect", () => {
    expect(published.$schema).toBe("https://json-schema.org/draft/2020-12/schema");
    expect(Object.keys(published.properties).sort()).toEqual([...keys].sort());
  });

  test("refuses what is not supported yet and nothing else", () => {
    expect(published.properties.services).toMatchObject({ type: "object", not: {}, doNotSuggest: true });
    expect(published.properties.cache.errorMessage).toMatch(/^not supported yet/);
    expect(published.properties.packages).not.toHaveProperty("not");
  });
});

describe("did you mean", () => {
  test.each([
    ["kitten", "sitting", 3],
    ["", "abc", 3],
    ["netwrok", "network", 1],
    ["same", "same", 0],
  ])("the distance of %j and %j is %d", (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
    expect(editDistance(b, a)).toBe(distance);
  });

  test("suggests only what is near", () => {
    expect(similar("pacakges", keys)).toBe("packages");
    expect(similar("NETWORK", keys)).toBe("network");
    expect(similar("volumes", keys)).toBeUndefined();
  });
});

function allSchemas(schema: Schema): Schema[] {
  const inner = [
    ...Object.values(schema.properties ?? {}),
    ...(schema.anyOf ?? []),
    ...[schema.items, schema.propertyNames, schema.additionalProperties].filter((part) => part !== undefined),
  ].filter((part) => part !== false);
  return [schema, ...inner.flatMap(allSchemas)];
}

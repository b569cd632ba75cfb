import { configSchema, type Schema } from "./schema.ts";

/**
 * The schema that is published with the package. It accepts exactly what the program accepts: what is not supported
 * yet keeps its shape and description, and is refused.
 */
export function publishedSchema(): object {
  return publish(configSchema);
}

function publish(schema: Schema): object {
  const unsupported = schema["x-devenv-unsupported"];
  const published = Object.fromEntries(
    Object.entries(schema).map(([keyword, value]) => [keyword, publishValue(keyword, value)]),
  );
  if (unsupported === undefined) return published;
  const message = `not supported yet${unsupported === "" ? "" : `; ${unsupported}`}`;
  // errorMessage and doNotSuggest are what the common editors understand.
  return { ...published, not: {}, errorMessage: message, doNotSuggest: true };
}

function publishValue(keyword: string, value: unknown): unknown {
  switch (keyword) {
    case "properties":
      return Object.fromEntries(
        Object.entries(value as Record<string, Schema>).map(([key, member]) => [key, publish(member)]),
      );
    case "items":
    case "propertyNames":
      return publish(value as Schema);
    case "additionalProperties":
      return value === false ? false : publish(value as Schema);
    case "anyOf":
      return (value as readonly Schema[]).map(publish);
    default:
      return value;
  }
}

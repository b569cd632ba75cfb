import type { Node } from "jsonc-parser";
import type { Problem } from "./problem.ts";
import type { Schema } from "./schema.ts";
import { didYouMean } from "./similar.ts";
import { membersOf } from "./syntax.ts";

/** Checks a parsed text against a schema and gives every mistake, each at its place. */
export function validate(root: Node, schema: Schema): Problem[] {
  const problems: Problem[] = [];
  checkNode(root, schema, "", { problems, root: schema });
  return problems;
}

interface Context {
  readonly problems: Problem[];
  /** To find where a key belongs that stands in the wrong object. */
  readonly root: Schema;
}

function checkNode(node: Node, schema: Schema, path: string, context: Context): void {
  const unsupported = schema["x-devenv-unsupported"];
  if (unsupported !== undefined) {
    const what = schema.type !== undefined ? path : `${path} ${shown(node)}`;
    context.problems.push({
      offset: node.offset,
      message: `${what}: not supported yet${advice(unsupported)}`,
    });
    return;
  }
  if (!hasType(node, schema) || !hasValue(node, schema)) {
    context.problems.push({ offset: node.offset, message: mismatch(node, schema, path) });
    return;
  }
  const branch = schema.anyOf?.find(
    (alternative) => hasType(node, alternative) && hasValue(node, alternative),
  );
  if (branch !== undefined) checkNode(node, branch, path, context);
  if (node.type === "object") checkObject(node, schema, path, context);
  if (node.type === "array") checkArray(node, schema, path, context);
}

function checkObject(node: Node, schema: Schema, path: string, context: Context): void {
  const seen = new Set<string>();
  for (const { key, keyNode, value } of membersOf(node)) {
    const memberPath = path === "" ? key : `${path}.${key}`;
    const complain = (message: string): void => {
      context.problems.push({ offset: keyNode.offset, message });
    };
    const again = seen.has(key);
    seen.add(key);
    const member = ownProperty(schema.properties, key);
    if (again) complain(`${memberPath}: found a second time; a key may stand once in an object`);
    else if (member !== undefined) checkNode(value, member, memberPath, context);
    else if (schema.additionalProperties === false) complain(unknownKey(key, path, schema, context.root));
    else if (key === "__proto__" || (schema.propertyNames && !hasValue(keyNode, schema.propertyNames)))
      complain(
        `${path}: found the key ${quoted(key)}, expected ${expected(schema.propertyNames ?? {})}${didYouMean(key, schema.propertyNames?.enum ?? [])}`,
      );
    else if (schema.additionalProperties) checkNode(value, schema.additionalProperties, memberPath, context);
  }
  for (const key of schema.required ?? []) {
    if (seen.has(key)) continue;
    const wanted = expected(ownProperty(schema.properties, key) ?? {});
    const message = `${path === "" ? "" : `${path}: `}${quoted(key)} is missing, expected ${wanted}`;
    context.problems.push({ offset: node.offset, message, missing: true });
  }
}

function checkArray(node: Node, schema: Schema, path: string, context: Context): void {
  const items = node.children ?? [];
  if (items.length < (schema.minItems ?? 0)) {
    const message = `${path}: found an empty list, expected ${expected(schema.items ?? {})}`;
    context.problems.push({ offset: node.offset, message });
  }
  const seen = new Set<unknown>();
  items.forEach((item, index) => {
    const itemPath = `${path}[${index}]`;
    if (schema.uniqueItems && item.type === "string" && seen.has(item.value)) {
      const message = `${itemPath}: found ${shown(item)} a second time, expected each once`;
      context.problems.push({ offset: item.offset, message });
      return;
    }
    seen.add(item.value);
    if (schema.items) checkNode(item, schema.items, itemPath, context);
  });
}

function hasType(node: Node, schema: Schema): boolean {
  if (schema.type === undefined) return true;
  if (schema.type === "integer") return node.type === "number" && Number.isSafeInteger(node.value);
  return node.type === schema.type;
}

/** Whether a string or number is one that the schema allows. */
function hasValue(node: Node, schema: Schema): boolean {
  const value: unknown = node.value;
  if (schema.anyOf && !schema.anyOf.some((branch) => hasType(node, branch) && hasValue(node, branch)))
    return false;
  if (schema.enum && !(typeof value === "string" && schema.enum.includes(value))) return false;
  if (typeof value === "string") {
    if (schema.pattern !== undefined && !new RegExp(schema.pattern, "u").test(value)) return false;
    return value.length <= (schema.maxLength ?? Number.POSITIVE_INFINITY);
  }
  if (typeof value === "number") {
    return (
      value >= (schema.minimum ?? Number.NEGATIVE_INFINITY) &&
      value <= (schema.maximum ?? Number.POSITIVE_INFINITY)
    );
  }
  return true;
}

function mismatch(node: Node, schema: Schema, path: string): string {
  const place = path === "" ? "" : `${path}: `;
  const suggestion = typeof node.value === "string" ? didYouMean(node.value, enumValues(schema)) : "";
  return `${place}found ${shown(node)}, expected ${expected(schema)}${suggestion}`;
}

function unknownKey(key: string, path: string, schema: Schema, root: Schema): string {
  const properties = Object.entries(schema.properties ?? {});
  const keys = properties.map(([name]) => name);
  const usable = properties
    .filter(([, member]) => member["x-devenv-unsupported"] === undefined)
    .map(([name]) => name);
  const inside = path === "" ? "" : `${path}: `;
  const elsewhere = placesOf(key, root, "").filter(
    (place) => place !== (path === "" ? key : `${path}.${key}`),
  );
  const nearby = didYouMean(key, keys);
  const suggestion = nearby === "" && elsewhere[0] ? `; did you mean ${quoted(elsewhere[0])}?` : nearby;
  return `${inside}found the unknown key ${quoted(key)}, expected one of ${usable.join(", ")}${suggestion}`;
}

/** Where else in the configuration a key of this name has its place. */
function placesOf(key: string, schema: Schema, path: string): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, member]) => {
    const place = path === "" ? name : `${path}.${name}`;
    if (member["x-devenv-unsupported"] !== undefined) return [];
    return [...(name === key ? [place] : []), ...placesOf(key, member, place)];
  });
}

/** What a schema asks for, in words. */
function expected(schema: Schema): string {
  const choices = choicesOf(schema);
  if (choices.length > 0) return listed(choices);
  switch (schema.type) {
    case undefined:
      return "another one";
    case "array":
      return schema.items ? `a list, each item ${expected(schema.items)}` : "a list";
    case "object":
      return "an object";
    case "integer":
      return "a whole number";
    case "boolean":
      return "true or false";
    default:
      return `a ${schema.type}`;
  }
}

/** In words, those not built yet left out. */
function choicesOf(schema: Schema): readonly string[] {
  const { anyOf = [], enum: values = [] } = schema;
  if (schema["x-devenv-unsupported"] !== undefined) return [];
  const words = schema["x-devenv-expected"];
  return words === undefined ? [...values.map(quoted), ...anyOf.flatMap(choicesOf)] : [words];
}

/** The values a person may choose from, those not built yet left out. */
function enumValues(schema: Schema): readonly string[] {
  if (schema["x-devenv-unsupported"] !== undefined) return [];
  return [...(schema.enum ?? []), ...(schema.anyOf ?? []).flatMap(enumValues)];
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

function shown(node: Node): string {
  if (node.type === "object") return "an object";
  if (node.type === "array") return "a list";
  return quoted(node.value);
}

function quoted(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 120 ? `${text.slice(0, 116)} …"` : text;
}

function advice(text: string): string {
  return text === "" ? "" : `; ${text}`;
}

function ownProperty(properties: Schema["properties"], key: string): Schema | undefined {
  return properties && Object.hasOwn(properties, key) ? properties[key] : undefined;
}

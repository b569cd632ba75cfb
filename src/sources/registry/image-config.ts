import { isObject, parseJSON } from "../json.ts";
import { malformed, readPlatform, readTexts } from "./descriptor.ts";
import { parseDigest } from "./digest.ts";
import type { ImageConfig } from "./types.ts";

/**
 * Reads an image's configuration (OCI image specification, config.md). What a tool left out or wrote as null is
 * empty; what has another shape than it should is refused.
 *
 * @throws DevenvError `DEVENV_REGISTRY_MANIFEST`, for a diffID that is none `DEVENV_REGISTRY_DIGEST`
 */
export function readImageConfig(bytes: Uint8Array, layers: number, where: string): ImageConfig {
  const value = parseJSON(Buffer.from(bytes).toString("utf8"));
  if (!isObject(value)) throw malformed(where, "the image's configuration is no JSON object");
  const platform = readPlatform(value, where);
  if (platform === undefined) throw malformed(where, "the image's configuration names no platform");
  const rootfs = value["rootfs"];
  if (!isObject(rootfs) || rootfs["type"] !== "layers") throw malformed(where, "rootfs is no list of layers");
  const diffIDs: unknown = rootfs["diff_ids"] ?? [];
  if (!Array.isArray(diffIDs)) throw malformed(where, "rootfs.diff_ids is no list");
  if (diffIDs.length !== layers) {
    throw malformed(where, `the image has ${layers} layers, its configuration knows ${diffIDs.length}`);
  }
  const config = value["config"] ?? {};
  if (!isObject(config)) throw malformed(where, "config is no object");
  return {
    platform,
    diffIDs: diffIDs.map((one: unknown) => parseDigest(one, `${where}: rootfs.diff_ids`)),
    env: readEnvironment(config["Env"], `${where}: config.Env`),
    entrypoint: readWords(config["Entrypoint"], `${where}: config.Entrypoint`),
    command: readWords(config["Cmd"], `${where}: config.Cmd`),
    user: readText(config["User"], `${where}: config.User`),
    workingDirectory: readText(config["WorkingDir"], `${where}: config.WorkingDir`),
    labels: readTexts(config["Labels"] ?? {}, `${where}: config.Labels`),
    ...(value["created"] === undefined ? {} : { created: readText(value["created"], `${where}: created`) }),
  };
}

function readEnvironment(value: unknown, where: string): readonly string[] {
  const variables = readWords(value, where);
  for (const variable of variables) if (variable.indexOf("=") <= 0) throw malformed(where, "found", variable);
  return variables;
}

function readWords(value: unknown, where: string): readonly string[] {
  const words: unknown = value ?? [];
  if (!Array.isArray(words)) throw malformed(where, "is no list");
  return words.map((word: unknown) => readText(word, where));
}

/** Without NUL, which no argument and no variable can hold. */
function readText(value: unknown, where: string): string {
  const text = value ?? "";
  if (typeof text !== "string" || text.includes("\0")) throw malformed(where, "found", text);
  return text;
}

import type { DevenvError } from "../../errors.ts";
import { isObject, parseJSON } from "../json.ts";
import { malformed, readDescriptor, readTexts } from "./descriptor.ts";
import { registryError } from "./errors.ts";
import { isSchema1, manifestKinds, mediaTypeOf } from "./media-types.ts";
import { quoteForeign } from "./redact.ts";
import type { Descriptor, Manifest } from "./types.ts";

/** More entries than any image has. */
const longestList = 10_000;

/**
 * Reads a manifest's bytes (OCI image specification, manifest.md and image-index.md; Docker's schema 2). What it is
 * must not depend on who looks: header and body have to agree, and it holds the fields of one kind only
 * (CVE-2021-41190).
 *
 * @throws DevenvError `DEVENV_REGISTRY_MEDIA_TYPE`, `DEVENV_REGISTRY_SCHEMA1`, `DEVENV_REGISTRY_MANIFEST`
 */
export function readManifest(bytes: Uint8Array, contentType: string | undefined, where: string): Manifest {
  const value = parseJSON(Buffer.from(bytes).toString("utf8"));
  if (!isObject(value)) throw malformed(where, "the manifest is no JSON object");
  const mediaType = agreedMediaType(value, mediaTypeOf(contentType), where);
  if (value["schemaVersion"] !== 2) throw malformed(where, "schemaVersion", value["schemaVersion"]);
  const kind = manifestKinds.get(mediaType);
  const foreign = kind === "index" ? ["config", "layers", "fsLayers"] : ["manifests", "fsLayers"];
  const ambiguous = foreign.find((name) => Object.hasOwn(value, name));
  if (ambiguous !== undefined) {
    throw registryError(
      "DEVENV_REGISTRY_MEDIA_TYPE",
      `${where}: ambiguous: a manifest of type ${mediaType} has no field "${ambiguous}"`,
    );
  }
  if (kind === "index")
    return { kind, mediaType, manifests: readList(value["manifests"], `${where}: manifests`) };
  return {
    kind: "image",
    mediaType,
    config: readDescriptor(value["config"], `${where}: config`),
    layers: readList(value["layers"], `${where}: layers`),
    annotations: readTexts(value["annotations"] ?? {}, `${where}: annotations`),
  };
}

function agreedMediaType(
  value: Readonly<Record<string, unknown>>,
  header: string | undefined,
  where: string,
): string {
  const own = value["mediaType"];
  const refuse = (reason: string) => registryError("DEVENV_REGISTRY_MEDIA_TYPE", `${where}: ${reason}`);
  if (own !== undefined && typeof own !== "string") throw refuse("mediaType is no text");
  if (value["schemaVersion"] === 1 || isSchema1(own ?? "") || isSchema1(header ?? "")) {
    throw schema1(where);
  }
  if (own !== undefined && header !== undefined && own !== header) {
    throw refuse(
      `the registry calls it ${quoteForeign(header, 120)}, the manifest itself ${quoteForeign(own, 120)}`,
    );
  }
  const mediaType = own ?? header;
  if (mediaType === undefined) throw refuse("neither the registry nor the manifest says what it is");
  if (!manifestKinds.has(mediaType))
    throw refuse(`${quoteForeign(mediaType, 120)} is no image manifest or index`);
  return mediaType;
}

export function schema1(where: string): DevenvError {
  return registryError("DEVENV_REGISTRY_SCHEMA1", `${where}: the image has Docker's schema 1 format`, {
    hint: "It was retired in 2017 and cannot be verified. Push the image again with a present tool.",
  });
}

function readList(value: unknown, where: string): Descriptor[] {
  if (!Array.isArray(value)) throw malformed(where, "is no list");
  if (value.length > longestList) throw malformed(where, `has ${value.length} entries`);
  return value.map((one, index) => readDescriptor(one, `${where}[${index}]`));
}

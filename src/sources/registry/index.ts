export { openBlob, readBlob } from "./blob.ts";
export { openRegistries, type RegistryClient, type RegistryClientOptions } from "./client.ts";
export { fetchManifest, resolveTag } from "./fetch-manifest.ts";
export { resolveImage } from "./image.ts";
export { blobExists, pushBlob, pushManifest } from "./push.ts";
export { formatReference, parseReference } from "./reference.ts";
export { listTags } from "./tags.ts";
export type { Descriptor, Repository } from "./types.ts";

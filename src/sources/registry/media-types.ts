/** The kinds of manifests that are understood, by media type (OCI image specification, media-types.md). */
export const manifestKinds: ReadonlyMap<string, "index" | "image"> = new Map([
  ["application/vnd.oci.image.index.v1+json", "index"],
  ["application/vnd.oci.image.manifest.v1+json", "image"],
  ["application/vnd.docker.distribution.manifest.list.v2+json", "index"],
  ["application/vnd.docker.distribution.manifest.v2+json", "image"],
]);

/** All of them: a registry may convert, or find nothing, when one is missing. */
export const acceptManifests = [...manifestKinds.keys()].join(", ");

export const imageConfigTypes: readonly string[] = [
  "application/vnd.oci.image.config.v1+json",
  "application/vnd.docker.container.image.v1+json",
];

/** Docker's first format, which names no content by digest. */
export function isSchema1(mediaType: string): boolean {
  return /^application\/vnd\.docker\.distribution\.manifest\.v1\+(json|prettyjws)$/.test(mediaType);
}

/** The media type of a Content-Type field (RFC 9110 section 8.3): lower case, without parameters. */
export function mediaTypeOf(contentType: string | undefined): string | undefined {
  return contentType?.split(";")[0]?.trim().toLowerCase() || undefined;
}

/** How the archive of a layer is compressed. */
export type Compression = "none" | "gzip" | "zstd";

/** Layers by media type (OCI image specification, media-types.md, and Docker's own). */
const compressions: ReadonlyMap<string, Compression> = new Map([
  ["application/vnd.oci.image.layer.v1.tar", "none"],
  ["application/vnd.oci.image.layer.v1.tar+gzip", "gzip"],
  ["application/vnd.oci.image.layer.v1.tar+zstd", "zstd"],
  ["application/vnd.docker.image.rootfs.diff.tar", "none"],
  ["application/vnd.docker.image.rootfs.diff.tar.gzip", "gzip"],
  ["application/vnd.docker.image.rootfs.diff.tar.zstd", "zstd"],
]);

/** Undefined for what is no layer of an image, or one that its registry does not hold itself. */
export function layerCompression(mediaType: string): Compression | undefined {
  return compressions.get(mediaType);
}

import type { Readable } from "node:stream";
import type { LockedImagePart, LockedPart } from "../lock/index.ts";
import type { GraftOptions } from "../sandbox/index.ts";
import { openGoModule } from "../sources/goproxy/index.ts";
import { openNpmTarball } from "../sources/npm/index.ts";
import { openBlob, openRegistries, parseReference } from "../sources/registry/index.ts";
import type { Store } from "../store/index.ts";

/** One archive of a toolchain's part. */
export interface PartArchive {
  readonly part: LockedPart;
  /** For messages. */
  readonly title: string;
  /** What its bytes have to be; what is absent here is verified by whoever opens it. */
  readonly expected: Pick<GraftOptions, "compression" | "diffID" | "digest" | "size">;
  /** What is told when they are others; that they were not transferred well unless given. */
  readonly otherwise?: { readonly code: `DEVENV_${string}`; readonly hint: string };
  open(signal: AbortSignal | undefined): Promise<Readable>;
}

/**
 * The archives of a part, in the order in which they are laid over one another. `directory` is the project's, which
 * may have an `.npmrc`.
 */
export function archivesOf(store: Store, part: LockedPart, directory?: string): PartArchive[] {
  switch (part.kind) {
    case "image":
      return layersOf(part);
    case "npm": {
      const { integrity, package: name, version } = part;
      const digest = `sha512:${Buffer.from(integrity.replace("sha512-", ""), "base64").toString("hex")}`;
      const expected = { compression: "gzip", digest } as const;
      const title = `npm ${name} ${version}`;
      const otherwise = {
        code: "DEVENV_NPM_INTEGRITY",
        hint: "The tarball was changed or damaged. Try another registry.",
      } as const;
      const open = async (signal?: AbortSignal) => openNpmTarball(part, { directory, signal });
      return [{ part, title, expected, otherwise, open }];
    }
    case "goproxy": {
      const title = `${part.module} ${part.version}`;
      const expected = { compression: "none" } as const;
      return [
        {
          part,
          title,
          expected,
          open: async (signal) => openGoModule(part, await store.temporaryPath("module"), { signal }),
        },
      ];
    }
  }
}

function layersOf(part: LockedImagePart): PartArchive[] {
  const client = openRegistries();
  const repository = parseReference(part.reference);
  return part.layers.map((layer) => {
    const { compression, diffID, digest, size } = layer;
    const descriptor = { mediaType: "application/octet-stream", digest, size };
    return {
      part,
      title: `${part.reference}: layer ${digest}`,
      expected: { compression, diffID, digest, size },
      open: async (signal) => openBlob(client, repository, descriptor, { verify: false, signal }),
    };
  });
}

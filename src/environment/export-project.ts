import { createWriteStream } from "node:fs";
import { resolve } from "node:path";
import type { Writable } from "node:stream";
import type { ExportFormat, ImageName, OutgoingImage } from "../build/index.ts";
import type { Configuration, Project } from "../config/index.ts";
import { DevenvError } from "../errors.ts";
import type { LockedPlatform, Platform } from "../lock/index.ts";
import { formatReference, parseReference } from "../sources/registry/index.ts";
import type { Store } from "../store/index.ts";
import { type BuildOptions, buildProject, type ProjectImage } from "./build-project.ts";
import { isWriteError, writeTarget } from "./export-target.ts";
import { tellBytes } from "./tell-progress.ts";

export interface ExportOptions extends BuildOptions {
  readonly format: ExportFormat;
  /** A path, or the stream that gets the archive. */
  readonly output: string | Writable;
  /** The image's name where it is loaded; that of the project unless given. */
  readonly name?: string | undefined;
  /** Replace what is there, whoever made it. */
  readonly force: boolean;
}

export interface Exported {
  readonly platform: Platform;
  readonly format: ExportFormat;
  readonly name: string;
  /** Of the manifest. */
  readonly digest: string;
  /** Of the image's configuration, which Docker and Podman call the image's id. */
  readonly id: string;
  /** Absolute path; absent for a stream. */
  readonly output?: string;
}

/** Builds the image of a project when the store does not have it, and writes it as others read it. */
export async function exportProject(
  store: Store,
  project: Project,
  configuration: Configuration,
  options: ExportOptions,
): Promise<Exported> {
  const { force, format, observer, output } = options;
  const name = imageName(options.name ?? nameOf(configuration));
  const built = await buildProject(store, project, configuration, options);
  const { image } = await outgoingOf(store, configuration, built);
  const { imageFiles, writeArchive, writeDirectory } = await import("../build/index.ts");
  const { digest, files } = imageFiles(image, format, name);
  observer.begin("writing the image");
  const total = files.reduce((sum, { size }) => sum + size, 0);
  const writing = { epoch: image.epoch, onBytes: tellBytes(observer, total) };
  const exported = {
    platform: image.platform,
    format,
    name: name.short,
    digest,
    id: image.configuration.digest,
  };
  if (typeof output !== "string") {
    await writeArchive(files, output, writing).catch((cause: unknown) => {
      if (!isWriteError(cause)) throw cause;
      throw new DevenvError("DEVENV_WRITE", "the archive cannot be written to standard output", { cause });
    });
    observer.end();
    return exported;
  }
  const target = resolve(output);
  const kind = format === "docker-archive" || target.endsWith(".tar") ? "file" : "directory";
  await writeTarget(target, { kind, force }, async (path) => {
    if (kind === "directory") return writeDirectory(files, path, writing);
    const file = createWriteStream(path, { flags: "wx", flush: true });
    await writeArchive(files, file, writing);
    await new Promise<void>((done, fail) => file.once("error", fail).end(() => done()));
  });
  observer.end();
  return { ...exported, output: target };
}

/** What is given away of the image that was built for a project. */
export async function outgoingOf(
  store: Store,
  configuration: Configuration,
  { image, lock, platform, variables }: ProjectImage,
): Promise<{ image: OutgoingImage; locked: LockedPlatform }> {
  const locked = lock.platforms[platform];
  if (locked === undefined) throw new Error(`Assertion failed: ${platform} was built and is not locked`);
  const [{ outgoingImage }, { runSettings }] = await Promise.all([
    import("../build/index.ts"),
    import("./run-settings.ts"),
  ]);
  const settings = runSettings(configuration, lock, locked, variables);
  return { image: await outgoingImage(store, platform, locked, image, settings), locked };
}

/** Names of projects may be what no image is called. */
function nameOf({ name }: Configuration): string {
  return name.replace(/[^a-z0-9]*$/, "").replace(/[._-]{2,}/g, "-");
}

function imageName(text: string): ImageName {
  const reference = parseReference(text);
  const { digest, tag = "latest" } = reference;
  if (digest !== undefined) {
    throw new DevenvError("DEVENV_REGISTRY_REFERENCE", `${text}: an image gets its digest from its content`, {
      hint: "Expected a name with a tag: shop-api:latest.",
      usage: true,
    });
  }
  const short = reference.tag !== undefined && text.endsWith(`:${tag}`) ? text : `${text}:${tag}`;
  return { short, canonical: formatReference(reference), tag };
}

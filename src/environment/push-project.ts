import type { PushedImage } from "../build/index.ts";
import type { Configuration, Project } from "../config/index.ts";
import { DevenvError } from "../errors.ts";
import type { Platform } from "../lock/index.ts";
import { formatReference, parseReference } from "../sources/registry/index.ts";
import type { Store } from "../store/index.ts";
import { type BuildOptions, buildProject } from "./build-project.ts";
import { outgoingOf } from "./export-project.ts";
import { formatMebibytes } from "./tell-progress.ts";

export interface PushedProject extends PushedImage {
  /** With its registry and tag. */
  readonly reference: string;
  readonly platform: Platform;
}

/**
 * Builds the image of a project when the store does not have it, and pushes it to a registry, from where others pull
 * or run it.
 *
 * @throws DevenvError `DEVENV_REGISTRY_REFERENCE` for a reference with a digest, and what {@link pushImage} throws.
 */
export async function pushProject(
  store: Store,
  project: Project,
  configuration: Configuration,
  where: string,
  options: BuildOptions,
): Promise<PushedProject> {
  const { observer } = options;
  const reference = parseReference(where);
  if (reference.digest !== undefined) {
    throw new DevenvError("DEVENV_REGISTRY_REFERENCE", `${where}: an image is pushed to a tag`, {
      hint: "Expected REGISTRY/REPOSITORY[:TAG]; the digest follows from the content.",
      usage: true,
    });
  }
  const built = await buildProject(store, project, configuration, options);
  const { image, locked } = await outgoingOf(store, configuration, built);
  const { pushImage } = await import("../build/index.ts");
  observer.begin(`pushing to ${formatReference(reference)}`);
  const pushed = await pushImage(store, image, locked.base, reference, {
    onProgress: ({ bytes, layers, totalLayers }) =>
      observer.progress(`${layers} of ${totalLayers} layers, ${formatMebibytes(bytes)} MiB sent`),
  });
  observer.end();
  return { reference: formatReference(reference), platform: image.platform, ...pushed };
}

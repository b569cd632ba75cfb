import type { LockedImage, LockedPlatform, Platform } from "../lock/index.ts";
import type { Store } from "../store/index.ts";
import { readAccountFiles } from "./account-files.ts";
import { type Account, accountLayer } from "./account-layer.ts";
import { type OutgoingLayer, outgoingLayers } from "./layer-archive.ts";
import { type Document, document, imageConfiguration } from "./oci.ts";

/** The label, and the annotation in indexes, that says of which lock an image is. */
export const lockLabel = "devenv.lock.digest";

/** The annotation of a pushed manifest that holds the configuration of the base's image, base64. */
export const baseConfigAnnotation = "devenv.base.config";

/** How an image is to be run elsewhere (image-spec, config.md). */
export interface RunSettings {
  readonly account: Account;
  readonly variables: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
  readonly command: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** An image that can be given away: everything but the bytes of its layers, which are made when they are needed. */
export interface OutgoingImage {
  readonly platform: Platform;
  /** Seconds since 1970: the time of everything in it. */
  readonly epoch: number;
  readonly configuration: Document;
  /** The lowest first; above those of the image in the store comes that of the account. */
  readonly layers: readonly OutgoingLayer[];
}

/**
 * What is given away of an image in the store. It is not the image that the lock records, which knows nothing of the
 * configuration: it has the same layers, one more for the account, and says how to be run. The same lock and the same
 * settings give the same digests.
 *
 * @throws DevenvError `DEVENV_NOT_BUILT`
 */
export async function outgoingImage(
  store: Store,
  platform: Platform,
  locked: LockedPlatform,
  image: LockedImage,
  settings: RunSettings,
): Promise<OutgoingImage> {
  const { account, command, labels, variables, workingDirectory } = settings;
  const { epoch } = locked;
  const built = await outgoingLayers(store, locked, image);
  const diffIDs = built.map(({ diffID }) => diffID);
  const files = await readAccountFiles(store, diffIDs);
  const layers = [...built, await accountLayer(account, files, epoch)];
  const configuration = document({
    ...imageConfiguration(platform, layers, epoch, variables),
    config: {
      Env: Object.entries(variables)
        .map(([name, value]) => `${name}=${value}`)
        .sort(),
      User: `${account.id}:${account.id}`,
      WorkingDir: workingDirectory,
      Cmd: command,
      Labels: labels,
    },
  });
  return { platform, epoch, configuration, layers };
}

import { lockLabel, type RunSettings } from "../build/index.ts";
import type { Configuration } from "../config/index.ts";
import { type Lock, type LockedPlatform, lockDigest } from "../lock/index.ts";
import { configuredVariables } from "./configured-variables.ts";
import {
  homeDirectory,
  insideEnvironment,
  insideVariables,
  loginShell,
  userName,
  workspacePath,
} from "./inside.ts";

/** That of the first user of nearly every machine, so that files of a mounted project mostly belong to them. */
const userId = 1000;

/**
 * How an image is run without devenv: as near to an environment as another program comes. The user is not root, because
 * inside an environment they are not; their number stands in the image's configuration and not their name, because
 * Kubernetes sees only from a number that it is not root's.
 */
export function runSettings(
  configuration: Configuration,
  lock: Lock,
  locked: LockedPlatform,
  variables: Readonly<Record<string, string>>,
): RunSettings {
  const { name } = configuration;
  const { base, epoch } = locked;
  const workspace = workspacePath(name);
  return {
    account: {
      name: userName,
      id: userId,
      // What another base has is not known; the command looks.
      shell: base.kind === "bootstrap" ? "/bin/bash" : "/bin/sh",
      directories: [homeDirectory, workspace],
    },
    variables: insideEnvironment(insideVariables(name, configuredVariables(configuration), variables), {}),
    workingDirectory: workspace,
    command: loginShell,
    labels: {
      [lockLabel]: lockDigest(lock),
      "org.opencontainers.image.title": name,
      "org.opencontainers.image.created": new Date(epoch * 1000).toISOString().replace(".000Z", "Z"),
      ...(base.kind === "image"
        ? {
            "org.opencontainers.image.base.name": base.reference,
            "org.opencontainers.image.base.digest": base.index ?? base.digest,
          }
        : {}),
    },
  };
}

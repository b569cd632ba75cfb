import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** An image as other programs see it. */
export interface SeenImage {
  readonly config: {
    readonly Env: readonly string[];
    readonly User: string;
    readonly WorkingDir: string;
    readonly Cmd: readonly string[];
    readonly Labels: Readonly<Record<string, string>>;
  };
  readonly created: string;
  readonly rootfs: { readonly diff_ids: readonly string[] };
}

/** The configuration of an image as skopeo reads it: `oci:DIRECTORY:TAG`, `docker-archive:FILE`. */
export function inspect(image: string): SeenImage {
  const words = ["inspect", "--tls-verify=false", "--config", image];
  return JSON.parse(execFileSync("skopeo", words, { encoding: "utf8" })) as SeenImage;
}

/** Unpacks an OCI layout with umoci and gives what `look` sees in the root. */
export function unpacked<T>(layout: string, look: (root: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), "devenv-unpacked-"));
  const bundle = join(directory, "bundle");
  try {
    const rootless = process.getuid?.() === 0 ? [] : ["--rootless"];
    execFileSync("umoci", ["unpack", ...rootless, "--image", `${layout}:latest`, bundle], { stdio: "pipe" });
    return look(join(bundle, "rootfs"));
  } finally {
    execFileSync("chmod", ["-R", "u+rwx", directory]);
    rmSync(directory, { recursive: true });
  }
}

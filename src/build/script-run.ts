import { statfs } from "node:fs/promises";
import { join } from "node:path";
import { isDebugging } from "../debug.ts";
import { DevenvError } from "../errors.ts";
import type { Digest } from "../lock/index.ts";
import { type Emulator, type Operation, runStep, type StepPlan, systemOperations } from "../sandbox/index.ts";
import type { Store } from "../store/index.ts";
import type { Step } from "./plan.ts";
import { packagesInside } from "./scripts.ts";
import type { Workplace } from "./workplace.ts";

/** Where the script of a step stands inside. */
export const scriptInside = "/run/devenv-step";
const linesShown = 20;

/**
 * Runs the step's script as root of a sandbox without network, on the layers below; what it changes gets into the
 * workplace's layer.
 *
 * @throws DevenvError `DEVENV_BUILD_FAILED` with the end of its output.
 */
export async function runScript(
  store: Store,
  step: Step,
  below: readonly Digest[],
  workplace: Workplace,
  emulator: Emulator | undefined,
): Promise<void> {
  const plan = { ...sandboxPlan(store, step, below, workplace), emulator };
  const { code, output } = await runStep(plan);
  if (isDebugging("build")) process.stderr.write(output);
  if (code !== 0) throw failure(step, code, output);
  if (await ranOutOfSpace(store, output))
    throw failure(step, code, `${output}\nNo space left on device, which the script did not heed`);
}

/** Bytes without which something that was written is likely to have found no place. */
const leastSpace = 64 * 1024;

/** Scripts that do not look whether a file was written would give another layer, and end well. */
async function ranOutOfSpace(store: Store, output: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(store.root);
  return bavail * bsize < leastSpace || /no space left on device|disk quota exceeded/i.test(output);
}

function sandboxPlan(store: Store, step: Step, below: readonly Digest[], workplace: Workplace): StepPlan {
  const operations: Operation[] = [
    ...systemOperations(),
    // As on every Debian system: what is in them does not outlive the boot, here the step.
    { kind: "tmpfs", target: "/run", mode: 0o755, uid: 0, gid: 0 },
    { kind: "tmpfs", target: "/tmp", mode: 0o1777, uid: 0, gid: 0 },
    {
      kind: "bind",
      source: join(store.root, workplace.scratch, "packages"),
      target: packagesInside,
      readonly: true,
    },
    { kind: "file", target: scriptInside, mode: 0o755, uid: 0, gid: 0, content: step.script },
  ];
  return {
    store: store.root,
    root: {
      // A base is unpacked and has nothing below it. It is mounted as an overlay all the same, on top of nothing,
      // because that is how nothing in it waits for the disk.
      layers: below.length === 0 ? [`${workplace.scratch}/empty`] : below.map(layerName),
      upper: workplace.layer,
      work: `${workplace.scratch}/work`,
      volatile: true,
    },
    operations,
    hostname: "devenv",
    network: "none",
    command: ["/bin/sh", scriptInside],
    env: step.environment,
    cwd: "/",
    uid: 0,
    gid: 0,
  };
}

/** Path of a layer below the store. */
export function layerName(diffID: Digest): string {
  return `layers/${diffID.replace("sha256:", "")}`;
}

function failure(step: Step, code: number, output: string): DevenvError {
  const packages = [...output.matchAll(/^dpkg: error processing (?:package|archive) (\S+)/gm)].map(
    ([, name = ""]) => /([^/_]+)_\w+\.deb$/.exec(name)?.[1] ?? name,
  );
  const what = packages.length === 0 ? "" : `: ${[...new Set(packages)].join(", ")}`;
  const end = output.trimEnd().split("\n").slice(-linesShown);
  return new DevenvError(
    "DEVENV_BUILD_FAILED",
    [`The step ${step.name} failed with exit code ${code}${what}`, ...end].join("\n  "),
    { hint: "DEVENV_DEBUG=build prints everything that the packages' scripts say." },
  );
}

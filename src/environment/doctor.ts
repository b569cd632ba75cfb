import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { release } from "node:os";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import { DevenvError } from "../errors.ts";
import { identityMap, planLimits, removePaths, runStep, systemOperations } from "../sandbox/index.ts";
import type { Store } from "../store/index.ts";

/** One thing that devenv asks of the host. */
export interface Finding {
  readonly name: string;
  /** `missing`: nothing works without it; `limited`: a configuration that asks for it does not. */
  readonly state: "ok" | "missing" | "limited";
  readonly detail: string;
  /** How to mend it, one step a line; empty when it is well or nobody can. */
  readonly remedy: readonly string[];
}

const ok = (name: string, detail: string): Finding => ({ name, state: "ok", detail, remedy: [] });
const missing = (name: string, detail: string, remedy: readonly string[]): Finding => {
  return { name, state: "missing", detail, remedy };
};

/** What this host can and cannot do, by trying it wherever trying is harmless. */
export async function examineHost(store: Store): Promise<Finding[]> {
  return [
    examineKernel(process.platform, release()),
    await examineFlock(),
    await examineMapper(),
    await examine("subordinate ids", "65536 of them", async () => void (await identityMap())),
    await examine("user namespace", "with the identity map", () => removePaths(store.root, [])),
    await examine("sandbox", "overlay, /proc, /dev and /sys in namespaces of their own", () =>
      trySandbox(store),
    ),
    ...examineLimits(),
  ];
}

/** mount_setattr(2), with which mounts are made read-only, came with Linux 5.12. */
export function examineKernel(platform: string, version: string): Finding {
  const [major = 0, minor = 0] = version.split(".").map((part) => Number.parseInt(part, 10));
  if (platform !== "linux") return missing("kernel", `${platform}; environments need Linux`, []);
  if (major > 5 || (major === 5 && minor >= 12)) return ok("kernel", `Linux ${version}`);
  return missing("kernel", `Linux ${version} is older than 5.12`, ["boot a newer kernel"]);
}

async function examineFlock(): Promise<Finding> {
  const works = await canRun("flock");
  if (works) return ok("flock", "locks the store");
  return missing("flock", "flock(1) is not installed", ["apt-get install util-linux"]);
}

/** Root writes the maps itself. */
async function examineMapper(): Promise<Finding> {
  if (process.getuid?.() === 0) return ok("newuidmap", "not needed by root");
  if ((await canRun("newuidmap")) && (await canRun("newgidmap")))
    return ok("newuidmap", "writes identity maps");
  return missing("newuidmap", "newuidmap or newgidmap is not installed", ["apt-get install uidmap"]);
}

/** Any exit code will do: both print their usage. */
async function canRun(program: string): Promise<boolean> {
  try {
    await promisify(execFile)(program, ["--help"]);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ENOENT";
  }
}

async function examine(name: string, detail: string, work: () => Promise<void>): Promise<Finding> {
  try {
    await work();
    return ok(name, detail);
  } catch (error) {
    if (!(error instanceof DevenvError)) throw error;
    return missing(name, error.message, error.hint?.split("\n") ?? []);
  }
}

/** A root with nothing in it: that the command is not found there says that all before it went well. */
async function trySandbox(store: Store): Promise<void> {
  const path = await store.temporaryPath("doctor");
  const place = relative(store.root, path);
  await mkdir(join(path, "empty"), { recursive: true });
  try {
    const { code, output } = await runStep({
      store: store.root,
      root: { layers: [`${place}/empty`], upper: `${place}/upper`, work: `${place}/work` },
      operations: systemOperations(),
      hostname: "doctor",
      network: "none",
      command: ["/nothing"],
      env: {},
      cwd: "/",
      uid: 0,
      gid: 0,
    });
    if (code !== 127)
      throw new DevenvError("DEVENV_SANDBOX_FAILED", `the trial ended with ${code}: ${output.trim()}`);
  } finally {
    await removePaths(store.root, [place]);
  }
}

function examineLimits(): Finding[] {
  const limits = { cpus: 1, memory: 64 * 1024 * 1024, pids: 64 };
  const plan = planLimits(limits, "doctor");
  return (["cpus", "memory", "pids"] as const).map((limit): Finding => {
    const name = `limit ${limit}`;
    const found = plan.missing.find((item) => item.limit === limit);
    if (found === undefined) return ok(name, "can be enforced");
    return { name, state: "limited", detail: found.reason, remedy: found.remedy };
  });
}

import { mkdir } from "node:fs/promises";
import { join, relative } from "node:path";
import { DevenvError } from "../../errors.ts";
import {
  checkNamespaces,
  type Obstacle,
  removePaths,
  runStep,
  systemOperations,
} from "../../sandbox/index.ts";
import type { Store } from "../../store/index.ts";
import { everyEnvironment, type Finding, firstMissing, requirement } from "./finding.ts";

/** What a sandbox is made of, in the order in which it is made. */
const steps = [
  { name: "identity map", works: "written, for the store and for environments" },
  { name: "overlayfs", works: "mounted on the store's file system, with userxattr" },
  { name: "system mounts", works: "/proc, /dev and /sys in namespaces of their own" },
  { name: "system call filter", works: "installed" },
  { name: "sandbox", works: "a command was started in one" },
] as const;

type StepName = (typeof steps)[number]["name"];

/** The step that a trial failed at, and what was said then. */
export interface TrialFailure {
  readonly step: StepName;
  readonly error: DevenvError;
}

const remedies: Partial<Record<StepName, readonly string[]>> = {
  overlayfs: ["modprobe overlay", "# or set DEVENV_STORE to a directory on ext4, xfs or btrfs"],
  "system call filter": ["# boot a kernel with CONFIG_SECCOMP_FILTER"],
};

/**
 * Makes a sandbox with nothing in it, and says what of it went well: undefined is everything. Leaves nothing behind.
 */
export async function tryOut(store: Store): Promise<TrialFailure | undefined> {
  return (
    (await failureOf(() => checkNamespaces(store.root), "identity map")) ??
    (await failureOf(() => trySandbox(store), undefined))
  );
}

/**
 * The outcome of a trial as findings: for user namespaces, which conditions alone do not tell where AppArmor restricts
 * them, and for each step. What follows from something else that is missing is said to be untried and no more.
 */
export async function judgeTrial(
  conditions: readonly Finding[],
  namespaces: Finding,
  appArmor: Obstacle | undefined,
  attempt: () => Promise<TrialFailure | undefined>,
): Promise<Finding[]> {
  const about = requirement(namespaces.name, namespaces.need);
  const cause = firstMissing([namespaces, ...conditions]);
  if (cause !== undefined) {
    const isUnknown = appArmor !== undefined && cause !== namespaces;
    const unknown = { ...about.untried(cause), remedy: appArmor?.remedy ?? [] };
    const detail = `${appArmor?.reason}, unless devenv's profile is loaded; ${unknown.detail}`;
    return [isUnknown ? { ...unknown, detail } : namespaces, ...untried(cause, 0)];
  }
  const failure = await attempt();
  if (failure === undefined) {
    const ok =
      appArmor === undefined
        ? namespaces
        : about.ok("AppArmor restricts them; a profile lets devenv through");
    return [ok, ...steps.map(({ name, works }) => requirement(name, everyEnvironment).ok(works))];
  }
  const { step, error } = failure;
  if (appArmor !== undefined && error.code === "DEVENV_USER_NAMESPACE") {
    const refused = about.missing(`${appArmor.reason}: ${error.message}`, appArmor.remedy);
    return [refused, ...untried(refused, 0)];
  }
  const place = steps.findIndex(({ name }) => name === step);
  const hint = error.hint === undefined ? [] : error.hint.split("\n").map((line) => `# ${line}`);
  const failed = requirement(step, everyEnvironment).missing(error.message, remedies[step] ?? hint);
  const before = steps.slice(0, place).map(({ name, works }) =>
    // What has no step of its own may have failed before or after any of these.
    step === "sandbox" && name !== "identity map"
      ? requirement(name, everyEnvironment).untried(failed)
      : requirement(name, everyEnvironment).ok(works),
  );
  return [namespaces, ...before, failed, ...untried(failed, place + 1)];
}

function untried(cause: Finding, from: number): Finding[] {
  return steps.slice(from).map(({ name }) => requirement(name, everyEnvironment).untried(cause));
}

async function failureOf(
  work: () => Promise<void>,
  step: StepName | undefined,
): Promise<TrialFailure | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    if (!(error instanceof DevenvError)) throw error;
    return { step: step ?? stepOf(error.message), error };
  }
}

/** The step that a message of the sandbox program is about. */
export function stepOf(message: string): StepName {
  if (/overlay|^the layer/.test(message)) return "overlayfs";
  if (
    /file system|^(proc|sysfs|tmpfs|devpts): |^\/(proc|sys|dev)\b|^the (host has|device)|masked|read-only/.test(
      message,
    )
  )
    return "system mounts";
  if (/system call filter/.test(message)) return "system call filter";
  return "sandbox";
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

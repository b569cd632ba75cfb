// Runs in the virtual machine of user-session.test.ts, in the login session of an ordinary user.
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { configSchema } from "../../src/config/schema.ts";
import type { Configuration, Limits } from "../../src/config/types.ts";
import { runInside } from "../../src/environment/enter.ts";
import { limitStatus } from "../../src/environment/limit-status.ts";
import { reach } from "../../src/environment/reach.ts";
import { groupsOf, type StartRecord } from "../../src/environment/state.ts";
import { stop } from "../../src/environment/stop.ts";
import {
  type EnvironmentProcess,
  identityMap,
  type MissingLimit,
  planLimits,
  readUsage,
  systemOperations,
} from "../../src/sandbox/index.ts";
import { openStore } from "../../src/store/index.ts";
import { checkLimits, type LimitFindings } from "./limit-checks.ts";

export interface SessionReport {
  /** The control group that the session is in. */
  readonly membership: string;
  /** Limits of the sandbox alone. */
  readonly sandbox: LimitFindings;
  /** What a limit of io lacks there. */
  readonly missing: readonly MissingLimit[];
  readonly environment: EnvironmentFindings;
}

/** An environment as `up`, `exec`, `status` and `down` have it. */
interface EnvironmentFindings {
  readonly first: Started;
  /** Exit code of what asks for too much memory, and what status says then. */
  readonly hungry: number;
  readonly killed: number | undefined;
  readonly changed: Started;
  readonly notes: readonly string[];
  /** Whether the slice is there after the end. */
  readonly remains: boolean;
}

interface Started {
  readonly process: EnvironmentProcess;
  readonly pids: string;
  readonly changed: boolean;
}

const place = "/stores/user";
const report: SessionReport = {
  membership: readFileSync("/proc/self/cgroup", "utf8").trim(),
  sandbox: await checkSandbox(join(place, "sandbox")),
  missing: planLimits({ io: { read: 1024 } }, { id: "x", disks: { devices: ["8:0"] } }).missing,
  environment: await checkEnvironment(join(place, "store")),
};
console.log(`REPORT ${JSON.stringify(report)}`);

async function checkSandbox(store: string): Promise<LimitFindings> {
  const { user } = await identityMap();
  for (const name of ["empty", "run/upper", "run/work"]) mkdirSync(join(store, name), { recursive: true });
  const plan = {
    store,
    root: { layers: ["empty"], upper: "run/upper", work: "run/work" },
    operations: [
      ...systemOperations(),
      { kind: "bind", source: "/usr", target: "/usr", readonly: true },
      { kind: "symlink", target: "/bin", content: "usr/bin" },
      { kind: "symlink", target: "/lib", content: "usr/lib" },
      { kind: "symlink", target: "/lib64", content: "usr/lib64" },
    ],
    hostname: "guest",
    network: "host",
  } as const;
  return await checkLimits(plan, user, "limits-of-sandbox");
}

async function checkEnvironment(root: string): Promise<EnvironmentFindings> {
  process.env["DEVENV_STORE"] = root;
  const store = await openStore();
  const project = join(place, "project");
  mkdirSync(project);
  const image = makeImage(root);
  const notes: string[] = [];
  const observer = {
    begin: () => {},
    progress: () => {},
    end: () => {},
    settle: async () => {},
    note: (text: string) => void notes.push(text),
  };
  const bring = async (limits: Limits) => {
    const reached = await reach(store, project, configuration(limits), image, { observer });
    const { start } = reached.environment.state;
    const pids = start === undefined ? "" : readFileSync(join(groupsOf(start)[0] ?? "", "pids.max"), "utf8");
    const { pid, startTime } = reached.running;
    const found = { process: { pid, startTime }, pids: pids.trim(), changed: reached.hasChanged };
    return { ...reached, start, found };
  };
  const first = await bring({ memory: 64 * 1024 * 1024, pids: 30 });
  const hungry = await runInside(
    { state: first.environment.state, running: first.running },
    {
      command: ["/bin/sh", "-c", "exec dd if=/dev/zero of=/dev/null bs=200M count=1"],
      directory: "/",
      as: "user",
      streams: "errors",
    },
  );
  const killed = await killedOf(first.start);
  const changed = await bring({ memory: 96 * 1024 * 1024, pids: 40 });
  const slice = changed.start?.slice?.directory ?? "";
  await stop(changed.environment);
  return {
    first: first.found,
    hungry,
    killed,
    changed: changed.found,
    notes,
    remains: slice === "" || existsSync(slice),
  };
}

async function killedOf(start: StartRecord | undefined): Promise<number | undefined> {
  if (start === undefined) return undefined;
  const usage = await readUsage(groupsOf(start));
  return limitStatus(start.settings.limits, start, usage).find(({ limit }) => limit === "memory")?.killed;
}

/** An image of one layer: busybox. */
function makeImage(root: string): Parameters<typeof reach>[3] {
  const diffID = `sha256:${"1".repeat(64)}` as const;
  const bin = join(root, "layers", "1".repeat(64), "bin");
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, "busybox"), readFileSync("/usr/bin/busybox"), { mode: 0o755 });
  for (const name of ["cat", "cp", "dd", "grep", "mkdir", "rm", "sh", "touch"])
    symlinkSync("busybox", join(bin, name));
  return {
    platform: "linux/amd64",
    image: { digest: diffID, layers: [{ diffID }] },
    variables: {},
  } as unknown as Parameters<typeof reach>[3];
}

function configuration(limits: Limits): Configuration {
  return {
    name: "session",
    base: { kind: "image", reference: "busybox" },
    platforms: configSchema.properties.platforms.default,
    languages: {},
    packages: [],
    layers: [],
    env: {},
    mounts: [],
    limits,
    network: "none",
    hooks: {},
    tasks: {},
    ports: [],
    hostPorts: [],
  };
}

import { execFileSync, type SpawnSyncReturns, spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import type {
  EnterPlan,
  EnvironmentProcess,
  IdentityMap,
  Operation,
  SandboxPlan,
  StepPlan,
  StepResult,
} from "../../src/sandbox/index.ts";
import { systemOperations } from "../../src/sandbox/index.ts";
import { installDriver } from "../support/driver.ts";

/** A user of this host in whose name the sandbox is tested, with a store of their own. */
export interface Tester {
  readonly label: string;
  readonly uid: number;
  readonly gid: number;
}

/** Root tests for both kinds of users, anybody else for themselves. */
export function testers(): Tester[] {
  const uid = process.getuid?.() ?? -1;
  const gid = process.getgid?.() ?? -1;
  if (uid !== 0) return [{ label: "an ordinary user", uid, gid }];
  const [userUid, userGid] = ["-u", "-g"].map((option) =>
    Number(execFileSync("id", [option, "devenv-test"])),
  );
  return [
    { label: "root", uid, gid },
    { label: "an ordinary user", uid: userUid ?? -1, gid: userGid ?? -1 },
  ];
}

/** A user of every Debian who has no subordinate ids; only root becomes it. */
export function unmapped(): Tester {
  const [uid = -1, gid = -1] = ["-u", "-g"].map((option) => Number(execFileSync("id", [option, "nobody"])));
  return { label: "a user without subordinate ids", uid, gid };
}

/** The sandbox as one tester has it: each call is a process of that user. */
export class Host {
  readonly directory: string;
  readonly store: string;
  private readonly driver: string;
  private readonly tester: Tester;
  private count = 0;
  readonly identity: IdentityMap;

  constructor(tester: Tester) {
    this.tester = tester;
    this.directory = mkdtempSync(join(tmpdir(), "devenv-sandbox-"));
    chmodSync(this.directory, 0o755);
    this.driver = installDriver(join(import.meta.dirname, "driver.ts"), this.directory);
    this.store = this.own("store");
    chmodSync(this.store, 0o700);
    this.own("store/empty");
    this.identity = this.call<IdentityMap>("identityMap");
  }

  /** Makes a directory that belongs to the tester. */
  own(name: string): string {
    const path = join(this.directory, name);
    mkdirSync(path, { recursive: true });
    chownSync(path, this.tester.uid, this.tester.gid);
    return path;
  }

  /** A plan whose programs are the host's own, read-only; nothing else of the host is there. */
  plan(operations: readonly Operation[] = []): SandboxPlan {
    this.count += 1;
    const place = `run-${this.count}`;
    for (const name of [place, `${place}/upper`, `${place}/work`]) this.own(`store/${name}`);
    return {
      store: this.store,
      root: { layers: ["empty"], upper: `${place}/upper`, work: `${place}/work` },
      operations: [
        ...systemOperations(),
        { kind: "bind", source: "/usr", target: "/usr", readonly: true },
        ...["bin", "sbin", "lib", "lib64"].map(
          (name): Operation => ({ kind: "symlink", target: `/${name}`, content: `usr/${name}` }),
        ),
        { kind: "mkdir", target: "/home/dev", mode: 0o755, ...this.identity.user },
        ...operations,
      ],
      hostname: "sandbox-test",
      network: "host",
    };
  }

  step(script: string, operations: readonly Operation[] = [], changes: Partial<StepPlan> = {}): StepResult {
    const plan = { ...this.plan(operations), ...rootCommand(script), network: "none", ...changes };
    return this.call<StepResult>("runStep", plan);
  }

  enterPlan(process: EnvironmentProcess, command: readonly string[]): EnterPlan {
    return {
      process,
      network: "host",
      controlGroups: [],
      command,
      env: { PATH: "/usr/bin:/bin", HOME: "/home/dev", TERM: "xterm" },
      cwd: "/home/dev",
      ...this.identity.user,
    };
  }

  /** Runs a shell script inside as the developer. */
  enter(process: EnvironmentProcess, script: string, input: Buffer | string = ""): SpawnSyncReturns<Buffer> {
    return this.enterWith(this.enterPlan(process, ["/bin/sh", "-c", script]), input);
  }

  enterWith(plan: EnterPlan, input: Buffer | string = ""): SpawnSyncReturns<Buffer> {
    return spawnSync(process.execPath, this.words("enterEnvironment", plan), { ...this.options(), input });
  }

  /** What a call comes to. */
  outcome(
    name: string,
    ...values: unknown[]
  ): { result: unknown } | { error: { code: string; message: string } } {
    const outcome = this.attempt(name, ...values);
    return outcome as { result: unknown } | { error: { code: string; message: string } };
  }

  call<Result>(name: string, ...values: unknown[]): Result {
    const outcome = this.attempt(name, ...values);
    if (!("result" in outcome)) throw new Error(`${name}: ${JSON.stringify(outcome)}`);
    return outcome.result as Result;
  }

  failure(name: string, ...values: unknown[]): { code: string; message: string; hint?: string } {
    const outcome = this.attempt(name, ...values);
    expect(outcome).toHaveProperty("error");
    return outcome.error as { code: string; message: string; hint?: string };
  }

  /** The command line of a call, and how it has to be started. */
  words(name: string, ...values: unknown[]): string[] {
    return [this.driver, name, JSON.stringify(values)];
  }

  options(): { uid: number; gid: number; cwd: string; maxBuffer: number } {
    return { uid: this.tester.uid, gid: this.tester.gid, cwd: "/", maxBuffer: 100_000_000 };
  }

  close(): void {
    this.call("removePaths", this.store, [
      "empty",
      ...Array.from({ length: this.count }, (_, i) => `run-${i + 1}`),
    ]);
    rmSync(this.directory, { recursive: true });
  }

  private attempt(name: string, ...values: unknown[]): { result?: unknown; error?: unknown } {
    const { stdout, stderr } = spawnSync(process.execPath, this.words(name, ...values), this.options());
    const printed = stdout.toString();
    if (printed === "") throw new Error(`${name} ended without an answer: ${stderr.toString()}`);
    const outcome = JSON.parse(printed) as { result?: unknown; error?: unknown };
    return "error" in outcome ? outcome : { result: outcome.result };
  }
}

export function rootCommand(script: string) {
  return {
    command: ["/bin/sh", "-c", script],
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
    cwd: "/",
    uid: 0,
    gid: 0,
  };
}

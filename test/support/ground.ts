import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { inject } from "vitest";
import type { EnvironmentState } from "../../src/environment/state.ts";
import { type EnvironmentProcess, removePaths } from "../../src/sandbox/index.ts";
import type { Tester } from "../sandbox/host.ts";

/** What a run of the program gave. */
export interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  /** Standard output as it came. */
  readonly bytes: Buffer;
}

export interface RunOptions {
  /** The project's own directory unless given. */
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: Buffer | string;
  /** Give it a process group of its own. */
  readonly group?: boolean;
}

/** A program that goes on while the test does something else. */
export interface Running {
  readonly child: ChildProcess;
  readonly outcome: Promise<Outcome>;
  /** Resolves when this was printed, on either output; fails when the program ends without. */
  until(part: string): Promise<void>;
}

/** A configuration with what every test wants: a name is enough. */
export type Wish = { readonly name: string } & Readonly<Record<string, unknown>>;

/** What a terminal showed: see terminal.py. */
export interface Shown {
  readonly shown: string;
  readonly code?: number;
  readonly restored?: boolean;
  readonly error?: string;
}

/** The platform of this host, the only one that most tests lock. */
export const platform = `linux/${{ x64: "amd64" }[process.arch as string] ?? process.arch}`;

/** A user of this host with the program, a store and a place for projects. */
export class Ground {
  readonly tester: Tester;
  readonly program: string;
  /** `XDG_DATA_HOME`. */
  readonly data: string;
  private readonly directory: string;
  private readonly projects: Project[] = [];

  /** `data` is the store that all tests of the user share, unless given. */
  constructor(tester: Tester, data?: string) {
    const root = inject("endToEnd");
    this.tester = tester;
    this.program = join(root, "program/devenv");
    this.directory = join(root, String(tester.uid));
    for (const name of ["", "home", "data"]) this.own(join(this.directory, name));
    this.data = data ?? join(this.directory, "data");
  }

  get store(): string {
    return join(this.data, "devenv");
  }

  /** Makes a directory that belongs to the tester. */
  own(path: string): string {
    mkdirSync(path, { recursive: true });
    chownSync(path, this.tester.uid, this.tester.gid);
    return path;
  }

  /** A new directory of the tester's, of this name. */
  directoryFor(name: string): string {
    const above = mkdtempSync(join(this.directory, "project-"));
    chownSync(above, this.tester.uid, this.tester.gid);
    return this.own(join(above, name));
  }

  /** A new project with this configuration. */
  project(wish: Wish): Project {
    const project = new Project(this, this.directoryFor(wish.name));
    project.configure(wish);
    this.projects.push(project);
    return project;
  }

  /** The same user with another store, in which nothing is built; what is named was downloaded already. */
  withOtherStore(downloaded: readonly ("indexes" | "blobs")[], data = this.directoryFor("data")): Ground {
    const { uid, gid } = this.tester;
    const other = new Ground(this.tester, this.own(data));
    this.own(other.store);
    for (const name of downloaded)
      execFileSync("cp", ["-a", join(this.store, name), other.store], { uid, gid, cwd: "/" });
    return other;
  }

  /** Starts a program as the tester, with the environment variables of a plain login and those given. */
  start(command: readonly string[], options: RunOptions & { readonly cwd: string }): Running {
    return this.startAs(this.tester, command, options);
  }

  /** The same with the rights of whoever runs the tests; what it does as the tester is its own matter. */
  startAsRoot(command: readonly string[], options: RunOptions & { readonly cwd: string }): Running {
    return this.startAs({}, command, options);
  }

  private startAs(
    who: { readonly uid?: number; readonly gid?: number },
    command: readonly string[],
    options: RunOptions & { readonly cwd: string },
  ): Running {
    const [program = "", ...words] = command;
    const { DEVENV_DEBUG: _, DEVENV_STORE: __, ...host } = process.env;
    const home = join(this.directory, "home");
    const own = { HOME: home, XDG_DATA_HOME: this.data, XDG_CONFIG_HOME: join(home, ".config") };
    const child = spawn(program, words, {
      cwd: options.cwd,
      ...(who.uid === undefined ? {} : { uid: who.uid }),
      ...(who.gid === undefined ? {} : { gid: who.gid }),
      env: { ...host, ...own, ...options.env },
      stdio: ["pipe", "pipe", "pipe"],
      detached: options.group === true,
    });
    child.stdin?.on("error", () => {});
    child.stdin?.end(options.input ?? "");
    return watch(child);
  }

  /** Removes paths below the store, whoever they belong to inside: as root, who may, or as the sandbox does it. */
  async removeFromStore(paths: readonly string[]): Promise<void> {
    if (process.getuid?.() !== 0) await removePaths(this.store, paths);
    else for (const path of paths) rmSync(join(this.store, path), { recursive: true });
  }

  /** Removes the environments of all projects made here. */
  async close(): Promise<void> {
    for (const project of this.projects) if (existsSync(project.root)) await project.run(["rm", "-y"]);
  }
}

/** A project of a tester, and the program run in it. */
export class Project {
  readonly root: string;
  readonly ground: Ground;

  constructor(ground: Ground, root: string) {
    this.ground = ground;
    this.root = root;
  }

  /** Runs devenv to its end. */
  run(words: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    return this.start(words, options).outcome;
  }

  start(words: readonly string[], options: RunOptions = {}): Running {
    return this.ground.start([this.ground.program, ...words], { cwd: this.root, ...options });
  }

  /** Runs a shell script inside. */
  inside(script: string, options: RunOptions = {}): Promise<Outcome> {
    return this.run(["exec", "--", "/bin/sh", "-c", script], options);
  }

  /** Runs devenv on a terminal; the steps are those of terminal.py. */
  async terminal(
    words: readonly string[],
    steps: readonly (readonly (string | number)[])[],
    options: RunOptions = {},
  ): Promise<Shown> {
    const script = join(inject("endToEnd"), "terminal.py");
    const command = ["python3", script, JSON.stringify(steps), this.ground.program, ...words];
    const { out, err } = await this.ground.start(command, { cwd: this.root, ...options }).outcome;
    if (out === "") throw new Error(`terminal.py: ${err}`);
    return JSON.parse(out) as Shown;
  }

  configure(wish: Wish): void {
    const whole = { base: "bootstrap:debian/bookworm", platforms: [platform], ...wish };
    this.write("devenv.jsonc", `${JSON.stringify(whole, undefined, 2)}\n`);
  }

  /** Writes a file of the project as its owner would. */
  write(name: string, content: string): void {
    const file = join(this.root, name);
    this.ground.own(dirname(file));
    writeFileSync(file, content);
    chownSync(file, this.ground.tester.uid, this.ground.tester.gid);
  }

  /** Makes devenv.jsonc another file with the same content, so that nothing is as the last `up` recorded it. */
  touch(): void {
    this.write("devenv.jsonc", this.read("devenv.jsonc"));
  }

  read(name: string): string {
    return readFileSync(join(this.root, name), "utf8");
  }

  /** What the launcher reads of it. */
  get entry(): string {
    return join(this.ground.store, "entries", this.environment.slice(-12));
  }

  /** The directory of its environment in the store. */
  get environment(): string {
    const key = createHash("sha256").update(realpathSync(this.root)).digest("hex").slice(0, 12);
    const place = join(this.ground.store, "environments");
    const id = readdirSync(place).find((name) => name.endsWith(`-${key}`));
    if (id === undefined) throw new Error(`${this.root} has no environment`);
    return join(place, id);
  }

  get state(): EnvironmentState {
    return JSON.parse(readFileSync(join(this.environment, "state.json"), "utf8")) as EnvironmentState;
  }

  /** Rewrites the state as something that went wrong would have left it. */
  set state(state: EnvironmentState) {
    writeFileSync(join(this.environment, "state.json"), JSON.stringify(state));
  }

  /** The init process of its running environment. */
  get init(): EnvironmentProcess {
    const [pid, startTime = ""] = readFileSync(this.pidFile, "utf8").trim().split(" ");
    return { pid: Number(pid), startTime };
  }

  /** Where the sandbox wrote down its init process. */
  get pidFile(): string {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return join(this.environment, `init-${boot}`);
  }
}

/** Resolves when the condition holds. */
export async function eventually(condition: () => boolean): Promise<void> {
  for (const end = Date.now() + 30_000; !condition(); await sleep(20))
    if (Date.now() > end) throw new Error("it did not come true in 30 s");
}

function watch(child: ChildProcess): Running {
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error("Assertion failed: no pipes");
  const pieces: { readonly out: Buffer[]; readonly err: Buffer[] } = { out: [], err: [] };
  const printed = (kind: "out" | "err"): string => Buffer.concat(pieces[kind]).toString();
  let isOver = false;
  stdout.on("data", (piece: Buffer) => pieces.out.push(piece));
  stderr.on("data", (piece: Buffer) => pieces.err.push(piece));
  const outcome = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  }).then((code): Outcome => {
    isOver = true;
    return { code, out: printed("out"), err: printed("err"), bytes: Buffer.concat(pieces.out) };
  });
  const until = async (part: string): Promise<void> => {
    const all = (): string => printed("out") + printed("err");
    await eventually(() => isOver || all().includes(part));
    if (!all().includes(part)) throw new Error(`${JSON.stringify(part)} was not printed, but:\n${all()}`);
  };
  return { child, outcome, until };
}

import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { Difference } from "../../src/build/layer-differences.ts";
import type { Digest, LockedImage, LockedPackage, LockedPlatform, Platform } from "../../src/lock/index.ts";
import type { Emulator } from "../../src/sandbox/index.ts";
import type { Tester } from "../sandbox/host.ts";
import { sha256Of } from "../support/archives.ts";
import { installDriver } from "../support/driver.ts";

/** What must not make a difference to a build. */
export interface Circumstances {
  /** A command that runs the command behind it. */
  readonly wrapper?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** How the programs of the build run. */
  readonly emulator?: Emulator;
  /** Path of the store below the builder's directory. */
  readonly store?: string;
}

export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

/** How a build ended, and the phases it went through: `base unpack`. */
export interface BuildOutcome {
  readonly image?: LockedImage;
  readonly error?: Failure;
  readonly phases: readonly string[];
}

/** The build as one user of the host has it, with a store of their own: each call is a process. */
export class Builder {
  readonly store: string;
  private readonly directory: string;
  private readonly driver: string;
  private readonly tester: Tester;
  private readonly circumstances: Circumstances;

  constructor(tester: Tester, circumstances: Circumstances = {}) {
    this.tester = tester;
    this.circumstances = circumstances;
    this.directory = mkdtempSync(join(tmpdir(), "devenv-build-"));
    chmodSync(this.directory, 0o755);
    this.driver = installDriver(join(import.meta.dirname, "driver.ts"), this.directory);
    this.store = join(this.directory, circumstances.store ?? "store");
    this.own(this.store);
    this.own(join(this.store, "blobs/sha256"));
  }

  /** Bookworm with these packages, as today's archive has it. */
  async lock(packages: readonly string[]): Promise<LockedPlatform> {
    const locked = await this.call<LockedPlatform>("lock", this.store, packages);
    return locked;
  }

  async build(locked: LockedPlatform, platform?: Platform): Promise<LockedImage> {
    const { image, error } = await this.attempt(locked, platform);
    if (image === undefined) throw new Error(`the build failed: ${JSON.stringify(error)}`);
    return image;
  }

  async attempt(locked: LockedPlatform, platform?: Platform): Promise<BuildOutcome> {
    const child = this.start(locked, platform);
    const [printed, messages] = await outputsOf(child);
    const phases = messages.split("\n").filter((line) => /^[a-z]+ [a-z]+$/.test(line));
    if (printed === "") throw new Error(`the build ended without an answer: ${messages}`);
    const { result, error } = JSON.parse(printed) as { result?: LockedImage; error?: Failure };
    return { ...(result && { image: result }), ...(error && { error }), phases };
  }

  /** Makes the layer of the first toolchain alone. */
  async graft(locked: LockedPlatform): Promise<{ diffID?: Digest; error?: Failure }> {
    const [printed, messages] = await outputsOf(this.spawn("graft", this.store, locked));
    if (printed === "") throw new Error(`the graft ended without an answer: ${messages}`);
    const { result, error } = JSON.parse(printed) as { result?: { diffID: Digest }; error?: Failure };
    return { ...result, ...(error && { error }) };
  }

  /** A build that goes on while the test does something else. */
  start(locked: LockedPlatform, platform?: Platform): ChildProcess {
    const own: Platform = `linux/${process.arch === "x64" ? "amd64" : process.arch}`;
    return this.spawn("build", this.store, locked, platform ?? own, this.circumstances.emulator);
  }

  /** In what a layer differs from one in another builder's store, which has to be of the same user. */
  async differences(diffID: Digest, { store }: Builder, other: Digest, epoch: number): Promise<Difference[]> {
    return await this.call<Difference[]>("differences", this.store, diffID, store, other, epoch);
  }

  /** The archive of a layer, made again from what is in the store. */
  async pack(diffID: Digest, epoch: number): Promise<{ diffID: Digest; file: string }> {
    const place = join(this.directory, "archives");
    this.own(place);
    const file = join(place, `${diffID.slice(-64)}.tar`);
    const packed = await this.call<{ diffID: Digest }>("pack", this.store, diffID, epoch, file);
    return { diffID: packed.diffID, file };
  }

  /** A package as the lock would have it; its file is among the blobs. */
  addPackage(name: string, data: Buffer, more: Partial<LockedPackage> = {}): LockedPackage {
    const sha256 = sha256Of(data);
    this.addBlob(sha256, data);
    const path = `pool/main/t/${name}_1_all.deb`;
    const common = { name, version: "1", architecture: "all", archive: "debian", path };
    return { ...common, sha256, size: data.length, ...more };
  }

  addBlob(sha256: string, data: Buffer): void {
    const file = join(this.store, "blobs/sha256", sha256);
    writeFileSync(file, data);
    chownSync(file, this.tester.uid, this.tester.gid);
  }

  /** Takes over what another builder has downloaded. */
  copyBlobs(other: Builder): void {
    const blobs = join(other.store, "blobs/sha256");
    for (const name of readdirSync(blobs)) {
      const copy = join(this.store, "blobs/sha256", name);
      copyFileSync(join(blobs, name), copy);
      chownSync(copy, this.tester.uid, this.tester.gid);
    }
  }

  /** What is in a directory of the store. */
  list(name: string): string[] {
    return readdirSync(join(this.store, name)).sort();
  }

  async close(): Promise<void> {
    await this.call("empty", this.store);
    rmSync(this.directory, { recursive: true });
  }

  private async call<Result>(name: string, ...values: unknown[]): Promise<Result> {
    const [printed, messages] = await outputsOf(this.spawn(name, ...values));
    if (printed === "") throw new Error(`${name} ended without an answer: ${messages}`);
    const outcome = JSON.parse(printed) as { result?: Result; error?: Failure };
    if (outcome.error !== undefined) throw new Error(`${name}: ${JSON.stringify(outcome.error)}`);
    return outcome.result as Result;
  }

  private spawn(name: string, ...values: unknown[]): ChildProcess {
    const words = [process.execPath, this.driver, name];
    const [program = "", ...rest] = [...(this.circumstances.wrapper ?? []), ...words];
    const child = spawn(program, rest, {
      uid: this.tester.uid,
      gid: this.tester.gid,
      cwd: "/",
      env: { PATH: process.env["PATH"], ...mirrorSettings(), ...this.circumstances.env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    child.stdin?.on("error", () => {});
    child.stdin?.end(JSON.stringify(values));
    return child;
  }

  /** Makes a directory, and those above it, that belong to the tester. */
  private own(path: string): void {
    for (const made of missingAbove(path, this.directory)) {
      mkdirSync(made, { recursive: true });
      chownSync(made, this.tester.uid, this.tester.gid);
    }
  }
}

function mirrorSettings(): Record<string, string | undefined> {
  const names = Object.keys(process.env).filter((name) => /^DEVENV_DEBIAN_|_proxy$/i.test(name));
  return Object.fromEntries(names.map((name) => [name, process.env[name]]));
}

function missingAbove(path: string, top: string): string[] {
  const names = path.slice(top.length + 1).split("/");
  return names.map((_, index) => join(top, ...names.slice(0, index + 1)));
}

async function outputsOf(child: ChildProcess): Promise<[string, string]> {
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error("Assertion failed: no pipes");
  return await Promise.all([text(stdout), text(stderr)]);
}

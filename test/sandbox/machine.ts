import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { buildSync } from "esbuild";
import { unpackPackage } from "../support/unpack-package.ts";
import { type InitramfsEntry, programOfHost } from "./initramfs.ts";

/** Debian's kernel, the same on every host. */
export interface Kernel {
  readonly image: string;
  /** The file of a module: "fs/overlayfs/overlay". */
  module(name: string): Buffer;
}

export async function fetchKernel(directory: string): Promise<Kernel> {
  const files = await unpackPackage(directory, "amd64", (index) => {
    const meta = index.byName("linux-image-cloud-amd64").at(-1);
    return /linux-image-\S+/.exec(meta?.depends ?? "")?.[0] ?? "linux-image-cloud-amd64";
  });
  const version = basename(files).replace("linux-image-", "");
  return {
    image: join(files, "boot", `vmlinuz-${version}`),
    module: (path) => readFileSync(join(files, "lib/modules", version, "kernel", `${path}.ko`)),
  };
}

/** What every machine of ours has in /test: guest.mjs, made from a file beside this one, and the native programs. */
export function testPrograms(guest: string, directory: string): InitramfsEntry[] {
  const bundle = join(directory, "guest.mjs");
  buildSync({
    entryPoints: [join(import.meta.dirname, guest)],
    bundle: true,
    platform: "node",
    format: "esm",
    outfile: bundle,
    // As the program itself is bundled.
    alias: { "jsonc-parser": "jsonc-parser/lib/esm/main.js" },
    banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" },
    logLevel: "error",
  });
  return [
    { path: "/test/guest.mjs", mode: 0o644, content: readFileSync(bundle) },
    ...["devenv-sandbox", "devenv-layers"].map((name) => ({
      path: `/test/${name}`,
      mode: 0o755,
      content: readFileSync(resolve(import.meta.dirname, "../../dist", name)),
    })),
    ...programOfHost(process.execPath, "/usr/bin/node"),
  ];
}

/** A virtual machine, which is emulated: every host can. */
export interface Machine<Report> {
  /** What it prints behind "REPORT"; rejects with the end of its console. */
  readonly report: Promise<Report>;
  readonly process: ChildProcess;
}

export interface MachineOptions {
  readonly kernel: Kernel;
  readonly initramfs: string;
  /** Words for the kernel. */
  readonly append: readonly string[];
  /** Mebibytes. */
  readonly memory: number;
  /** File that is /dev/vda. */
  readonly disk?: string;
  /** Seconds until it has failed. */
  readonly patience: number;
}

export function bootMachine<Report>(options: MachineOptions): Machine<Report> {
  const { kernel, initramfs, append, memory, disk, patience } = options;
  const words = [
    ...[
      "-nodefaults",
      "-display",
      "none",
      "-serial",
      "stdio",
      "-no-reboot",
      "-m",
      String(memory),
      "-smp",
      "2",
    ],
    ...["-accel", "tcg,thread=multi", "-cpu", "max", "-kernel", kernel.image, "-initrd", initramfs],
    ...["-append", ["console=ttyS0", "quiet", "panic=-1", "cgroup_no_v1=all", ...append].join(" ")],
    ...(disk === undefined ? [] : ["-drive", `file=${disk},format=raw,if=virtio`]),
  ];
  const child = spawn("qemu-system-x86_64", words, { stdio: ["ignore", "pipe", "pipe"] });
  let console = "";
  const take = (piece: string) => {
    console += piece;
  };
  child.stdout.setEncoding("utf8").on("data", take);
  child.stderr.setEncoding("utf8").on("data", take);
  const timer = setTimeout(() => child.kill("SIGKILL"), patience * 1000);
  const report = new Promise<Report>((done, fail) => {
    child.once("error", fail);
    child.once("close", () => {
      clearTimeout(timer);
      const line = /^REPORT (.*?)\r?$/m.exec(console)?.[1];
      if (line === undefined)
        fail(new Error(`the virtual machine reported nothing:\n${console.slice(-4000)}`));
      else done(JSON.parse(line) as Report);
    });
  });
  return { report, process: child };
}

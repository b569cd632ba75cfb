import { DevenvError } from "../errors.ts";
import type { GroupView } from "./cgroup-view.ts";
import type { Emulator } from "./emulator.ts";
import type { ControlGroupPlan, UserSlice } from "./limit-types.ts";

/** What is done to the root of an environment after it is mounted, in the order given. */
export type Operation =
  | { readonly kind: "proc" | "dev" | "sys" }
  | { readonly kind: "bind"; readonly source: string; readonly target: string; readonly readonly: boolean }
  | {
      readonly kind: "own-bind";
      /** A directory, relative to the store, that is made when it is not there. */
      readonly name: string;
      readonly target: string;
      readonly uid: number;
      readonly gid: number;
    }
  | ({ readonly kind: "tmpfs" | "mkdir" } & Owned)
  | ({ readonly kind: "file"; readonly content: string } & Owned)
  | { readonly kind: "symlink"; readonly target: string; readonly content: string }
  | { readonly kind: "mask" | "readonly"; readonly target: string };

/** Something that is made inside: an absolute path there, its mode and owner. */
interface Owned {
  readonly target: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** The image an environment stands on; names are paths below the store. */
export type RootImage =
  | {
      /** The lowest first. */
      readonly layers: readonly string[];
      readonly upper: string;
      readonly work: string;
      /** Nothing is written through to the disk: for a step whose result is dropped after a crash. */
      readonly volatile?: boolean;
      /** Nothing of an earlier upper layer of this name stays. */
      readonly renew?: boolean;
    }
  | {
      /** One directory that is itself the root and is written to directly. */
      readonly directory: string;
    };

/** What connects the network of an environment with the host's. */
export interface NetworkPlan {
  /** Where the sandbox says what became of the network; native/sandbox/state-file.h tells what stands there. */
  readonly stateFile: string;
  /** Ports of the host's loopback addresses that lead to one inside. */
  readonly ports: readonly { readonly host: number; readonly inside: number }[];
  /** Ports of the loopback addresses inside that lead to the host's. */
  readonly hostPorts: readonly number[];
  readonly helper?: NetworkHelper;
}

/** The program through which packets flow. */
export interface NetworkHelper {
  /** Its command line, an absolute path first; `{pid}` stands for a process in the network. */
  readonly words: readonly string[];
  /** Its descriptor on which it writes something once packets can flow. */
  readonly readyDescriptor: 1 | 3;
}

/** What environments and build steps have in common. */
export interface SandboxPlan {
  /** Absolute path of the store. */
  readonly store: string;
  readonly root: RootImage;
  readonly operations: readonly Operation[];
  /** A file with an ext4 file system, and the directory at which the sandbox alone sees it; names below the store. */
  readonly disk?: { readonly image: string; readonly place: string };
  readonly hostname: string;
  /** `none` is a network of its own with nothing but the loopback device; `private` has a helper as well. */
  readonly network: "host" | "none" | "private";
  readonly networkPlan?: NetworkPlan;
  readonly controlGroups?: ControlGroupPlan;
  /** How programs run that are not of this host's processor. */
  readonly emulator?: Emulator | undefined;
  /** What is seen of them inside; absent means nothing. */
  readonly groupViews?: readonly GroupView[];
}

/** What is run inside. The environment is exactly `env`, nothing is inherited. */
export interface SandboxCommand {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Absolute path inside. */
  readonly cwd: string;
  readonly uid: number;
  readonly gid: number;
}

/** Files of /proc and /sys that tell about the host or reach into it, as containerd and Podman have them. */
const masked = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/sys/devices/virtual/powercap",
  "/sys/firmware",
  "/sys/fs/selinux",
  // File systems of their own that come along with the host's /sys; their owner is root, as a developer may be.
  "/sys/fs/bpf",
  "/sys/fs/pstore",
  "/sys/kernel/config",
  "/sys/kernel/debug",
  "/sys/kernel/security",
  "/sys/kernel/tracing",
];

/** The developer may be root outside, and then owns the files in here: only the mount keeps them from writing. */
const unwritable = [
  "/proc/bus",
  "/proc/fs",
  "/proc/irq",
  // Whoever writes there has the kernel watch the whole host for them.
  "/proc/pressure",
  "/proc/sys",
  "/proc/sysrq-trigger",
];

/** /proc, /dev and /sys as every environment and every build step has them: first in any list of operations. */
export function systemOperations(): Operation[] {
  return [
    { kind: "proc" },
    { kind: "dev" },
    { kind: "sys" },
    ...masked.map((target): Operation => ({ kind: "mask", target })),
    ...unwritable.map((target): Operation => ({ kind: "readonly", target })),
  ];
}

/** The plan as arguments of the sandbox program. */
export function planWords(plan: SandboxPlan): string[] {
  return [
    "--store",
    plan.store,
    ...(plan.disk === undefined ? [] : ["--disk", plan.disk.image, plan.disk.place]),
    ...rootWords(plan.root),
    ...plan.operations.flatMap(operationWords),
    "--hostname",
    plan.hostname,
    "--network",
    plan.network,
    ...(plan.emulator?.registration === undefined ? [] : ["--emulator", plan.emulator.registration]),
    ...(plan.networkPlan === undefined ? [] : networkWords(plan.networkPlan)),
    ...(plan.controlGroups === undefined ? [] : controlGroupWords(plan.controlGroups)),
    ...(plan.groupViews ?? []).flatMap(({ directory, name }) => ["--cgroup-view", directory, name]),
  ];
}

export function networkWords({ stateFile, ports, hostPorts, helper }: NetworkPlan): string[] {
  return [
    "--network-state",
    stateFile,
    ...ports.flatMap(({ host, inside }) => ["--network-publish", `${host}:${inside}`]),
    ...hostPorts.flatMap((port) => ["--network-host-port", String(port)]),
    ...(helper === undefined ? [] : ["--network-ready", String(helper.readyDescriptor)]),
    ...(helper?.words.flatMap((word) => ["--network-helper", word]) ?? []),
  ];
}

export function controlGroupWords({
  slice,
  ...plan
}: Pick<ControlGroupPlan, "steps" | "join"> & {
  readonly slice?: Pick<UserSlice, "name" | "runtime"> | undefined;
}): string[] {
  return [
    ...plan.steps.flatMap((step) =>
      "make" in step ? ["--cgroup-make", step.make] : ["--cgroup-write", step.file, step.value],
    ),
    ...plan.join.flatMap((directory) => ["--cgroup-join", directory]),
    ...(slice === undefined ? [] : ["--cgroup-scope", slice.runtime, slice.name]),
  ];
}

export function commandWords(command: SandboxCommand): string[] {
  return [
    ...Object.entries(command.env).flatMap(([name, value]) => ["--env", `${name}=${value}`]),
    "--cwd",
    command.cwd,
    "--uid",
    String(command.uid),
    "--gid",
    String(command.gid),
    "--",
    ...command.command,
  ];
}

/** The vector as bytes. No argument of a program can hold a NUL, so none may come in here. */
export function encodeWords(words: readonly string[]): string {
  const broken = words.find((word) => word.includes("\0"));
  if (broken !== undefined) {
    throw new DevenvError("DEVENV_SANDBOX_PLAN", `${JSON.stringify(broken)} holds a NUL character`);
  }
  return words.map((word) => `${word}\0`).join("");
}

function rootWords(root: RootImage): string[] {
  if ("directory" in root) return ["--root", root.directory];
  return [
    ...root.layers.flatMap((layer) => ["--layer", layer]),
    "--upper",
    root.upper,
    "--work",
    root.work,
    ...(root.volatile === true ? ["--volatile"] : []),
    ...(root.renew === true ? ["--renew"] : []),
  ];
}

function operationWords(operation: Operation): string[] {
  switch (operation.kind) {
    case "proc":
    case "dev":
    case "sys":
      return [`--${operation.kind}`];
    case "bind":
      return [operation.readonly ? "--ro-bind" : "--bind", operation.source, operation.target];
    case "own-bind":
      return ["--own-bind", operation.name, operation.target, String(operation.uid), String(operation.gid)];
    case "tmpfs":
    case "mkdir":
      return [`--${operation.kind}`, ...ownedWords(operation)];
    case "file":
      return ["--file", ...ownedWords(operation), operation.content];
    case "symlink":
      return ["--symlink", operation.target, operation.content];
    case "mask":
    case "readonly":
      return [`--${operation.kind}`, operation.target];
  }
}

function ownedWords({ target, mode, uid, gid }: Owned): string[] {
  return [target, mode.toString(8).padStart(4, "0"), String(uid), String(gid)];
}

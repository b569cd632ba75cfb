import { dirname } from "node:path/posix";
import { type Operation, systemOperations } from "../sandbox/index.ts";
import { expandHome, homeDirectory, workspacePath } from "./inside.ts";
import type { StartSettings } from "./state.ts";

/** Everything that decides what an environment sees; plain data, so that the plan can be tested without a host. */
export interface MountInputs {
  readonly settings: StartSettings;
  /** Real path of the project. */
  readonly project: string;
  readonly home: string;
  /** Where the environment's own disk is, below the store; home and volumes are on it then. */
  readonly disk?: string | undefined;
  /** Where a volume is on the host. */
  volume(name: string): string;
  /** Ids of the user inside. */
  readonly user: { readonly uid: number; readonly gid: number };
  /** Text of the host's /etc/hosts; empty where there is none. */
  readonly hosts: string;
  /** Whether the host has an /etc/resolv.conf. */
  readonly hasResolver: boolean;
  /** Text of /etc/resolv.conf for a private network. */
  readonly resolver?: string;
}

/** What is mounted into the root of an environment, in this order. */
export function mountOperations(inputs: MountInputs): Operation[] {
  const { settings } = inputs;
  return [
    ...systemOperations(),
    { kind: "tmpfs", target: "/run", mode: 0o755, uid: 0, gid: 0 },
    { kind: "mkdir", target: "/run/lock", mode: 0o1777, uid: 0, gid: 0 },
    ...names(inputs),
    own(inputs, "home", inputs.home, homeDirectory),
    { kind: "bind", source: inputs.project, target: workspacePath(settings.name), readonly: false },
    ...settings.mounts.flatMap((mount) => volume(inputs, mount.volume, expandHome(mount.target))),
  ];
}

/** What this machine and others are called. */
function names({ settings, hosts, hasResolver, resolver }: MountInputs): Operation[] {
  const { name, network } = settings;
  const loopback = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n";
  const known = network === "host" && hosts !== "" ? hosts.replace(/\n?$/, "\n") : loopback;
  const file = (target: string, content: string): Operation => {
    return { kind: "file", target, mode: 0o644, uid: 0, gid: 0, content };
  };
  const operations = [file("/etc/hostname", `${name}\n`), file("/etc/hosts", `${known}127.0.1.1 ${name}\n`)];
  if (network === "host" && hasResolver)
    operations.push({ kind: "bind", source: "/etc/resolv.conf", target: "/etc/resolv.conf", readonly: true });
  if (resolver !== undefined) operations.push(file("/etc/resolv.conf", resolver));
  return operations;
}

/** A directory of the developer's, wherever the environment keeps it. */
function own({ disk, user }: MountInputs, name: string, source: string, target: string): Operation {
  if (disk === undefined) return { kind: "bind", source, target, readonly: false };
  return { kind: "own-bind", name: `${disk}/${name}`, target, ...user };
}

/** Directories above a target in the home directory belong to the user like everything there. */
function volume(inputs: MountInputs, name: string, target: string): Operation[] {
  const above: string[] = [];
  for (let path = dirname(target); path.startsWith(`${homeDirectory}/`); path = dirname(path))
    above.unshift(path);
  return [
    ...above.map((path): Operation => ({ kind: "mkdir", target: path, mode: 0o755, ...inputs.user })),
    own(inputs, `volume-${name}`, inputs.volume(name), target),
  ];
}

import { DevenvError } from "../errors.ts";
import {
  findAppArmor,
  findSwitch,
  type Obstacle,
  readUserNamespaceHost,
  type UserNamespaceHost,
} from "./user-namespaces.ts";

/**
 * Steps of the sandbox program that need a capability in its own user namespace, and fail for want of it. Under
 * AppArmor's restriction that namespace can be made, and whoever made it has no capability there.
 */
const privileged =
  /^((process )?namespaces?\b|a process namespace|mounts cannot|set(groups|resgid|resuid)\b|pivot_root|the host name|the layers cannot be mounted|.* (cannot be mounted|file system cannot be made)).*: (Operation not permitted|Permission denied)$/m;

/** What the sandbox program said, as an error with a way to mend it where one is known. */
export async function explainFailure(
  message: string,
  readHost: () => Promise<UserNamespaceHost> = readUserNamespaceHost,
): Promise<DevenvError> {
  if (/user namespace|uid_map|gid_map|newuidmap|newgidmap/.test(message)) {
    const hint = userNamespaceHint(message, await readHost());
    return new DevenvError("DEVENV_USER_NAMESPACE", message, { hint });
  }
  if (privileged.test(message)) {
    const restriction = findAppArmor(await readHost());
    if (restriction !== undefined)
      return new DevenvError("DEVENV_USER_NAMESPACE", message, { hint: hintOf(restriction) });
  }
  if (/\b(proc|sysfs) file system cannot be|^(proc|sysfs): /.test(message)) {
    return new DevenvError("DEVENV_SANDBOX_FAILED", message, {
      hint: "The kernel allows this only where all of /proc and /sys is visible. Inside a container they are mostly masked: start it with --security-opt systempaths=unconfined, or --privileged.",
    });
  }
  const port = /^port ([0-9]+) of the (host|environment) cannot be had: (.*)/.exec(message);
  if (port !== null) return explainPort(message, Number(port[1]), port[3] === "Permission denied");
  if (/control group .* cannot be joined: Permission denied/.test(message)) {
    return new DevenvError("DEVENV_CONTROL_GROUP", message, {
      hint: "The control group that this shell runs in is not yours, so that the kernel lets you move nothing out of it. Enter from where the environment was started, or where systemd runs a service manager for you (package libpam-systemd), start it anew: devenv down",
    });
  }
  if (/control group|cgroup/.test(message)) return new DevenvError("DEVENV_CONTROL_GROUP", message);
  if (/overlay/.test(message)) {
    return new DevenvError("DEVENV_SANDBOX_FAILED", message, {
      hint: "Linux 5.12 or newer is needed, and a store on a file system that overlayfs takes as upper layer (not NFS).",
    });
  }
  return new DevenvError("DEVENV_SANDBOX_FAILED", message);
}

function explainPort(message: string, port: number, isPrivileged: boolean): DevenvError {
  if (!isPrivileged) return new DevenvError("DEVENV_PORT_TAKEN", message);
  return new DevenvError("DEVENV_PORT_PRIVILEGED", message, {
    hint: `Ports below 1024 are root's. Choose another in "ports", such as "${port + 8000}:${port}", or, as root: sysctl net.ipv4.ip_unprivileged_port_start=${port}`,
  });
}

function userNamespaceHint(message: string, host: UserNamespaceHost): string {
  if (/^new[ug]idmap cannot be started/m.test(message))
    return "newuidmap and newgidmap are needed. As root: apt-get install uidmap";
  if (/^new[ug]idmap: .*range .* not allowed/m.test(message))
    return "The ranges of /etc/subuid and /etc/subgid are not those that newuidmap and newgidmap look at (subid in /etc/nsswitch.conf).";
  const obstacle = findSwitch(host) ?? findAppArmor(host);
  if (obstacle !== undefined) return hintOf(obstacle);
  if (/: No space left on device$/m.test(message))
    return `No more user namespaces are allowed here, or they are too deep in one another. As root: sysctl -w user.max_user_namespaces=${2 * Number(host.most ?? 15_000)}`;
  if (host.uid === 0 && /[ug]id_map/.test(message))
    return "This root has not all ids of the host, as in a container: give it 65536 that it has, a line root:START:65536 in /etc/subuid and in /etc/subgid, or work in it as an ordinary user with some.";
  if (host.isFiltered && /user namespace cannot be made/.test(message))
    return "A system call filter is in force, as in a container: start it with --security-opt seccomp=unconfined, or --privileged.";
  return "newuidmap and newgidmap need the rights of root, and an entry for you in /etc/subuid and /etc/subgid. As root: chmod u+s /usr/bin/newuidmap /usr/bin/newgidmap";
}

function hintOf({ reason, remedy }: Obstacle): string {
  return [`${reason.charAt(0).toUpperCase()}${reason.slice(1)}. Once, as root:`, ...remedy].join("\n");
}

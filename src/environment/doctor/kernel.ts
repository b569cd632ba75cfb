import { findSwitch, type UserNamespaceHost } from "../../sandbox/index.ts";
import { everyEnvironment, type Finding, requirement } from "./finding.ts";
import { numbers } from "./programs.ts";

/** mount_setattr(2), with which mounts are made read-only, came with Linux 5.12. */
export function examineKernel(platform: string, version: string): Finding {
  const kernel = requirement("kernel", everyEnvironment);
  if (platform !== "linux") return kernel.missing(`${platform}; environments need Linux`);
  const [major = 0, minor = 0] = numbers(version);
  if (major > 5 || (major === 5 && minor >= 12)) return kernel.ok(`Linux ${version}`);
  return kernel.missing(`Linux ${version} is older than 5.12`, ["# boot a newer kernel"]);
}

/** sysctl vm.memfd_noexec, since Linux 6.3: 2 forbids programs in memory, where the sandbox program goes on. */
export function examineMemory(setting: string | undefined): Finding {
  const memory = requirement("programs in memory", everyEnvironment);
  if (setting !== "2") return memory.ok(`vm.memfd_noexec = ${setting ?? "not known to this kernel"}`);
  return memory.missing("vm.memfd_noexec = 2 forbids them", [
    "echo 'vm.memfd_noexec = 1' >> /etc/sysctl.d/60-devenv.conf",
    "sysctl -w vm.memfd_noexec=1",
  ]);
}

/** What sysctls say; what AppArmor does a trial shows. */
export function examineUserNamespaces(host: UserNamespaceHost): Finding {
  const namespaces = requirement("user namespaces", everyEnvironment);
  if (host.most === undefined)
    return namespaces.missing("this kernel has none", ["# boot a kernel with CONFIG_USER_NS"]);
  const off = findSwitch(host);
  if (off !== undefined) return namespaces.missing(off.reason, off.remedy);
  return namespaces.ok(`at most ${host.most}`);
}

import { readFile } from "node:fs/promises";
import { DevenvError } from "../errors.ts";
import { nativeProgram } from "./program.ts";

/** What the sandbox program said, as an error with a way to mend it where one is known. */
export async function explainFailure(message: string): Promise<DevenvError> {
  if (/user namespace|uid_map|gid_map|newuidmap|newgidmap/.test(message)) {
    return new DevenvError("DEVENV_USER_NAMESPACE", message, { hint: await userNamespaceHint() });
  }
  if (/\b(proc|sysfs) file system cannot be|^(proc|sysfs): /.test(message)) {
    return new DevenvError("DEVENV_SANDBOX_FAILED", message, {
      hint: "The kernel allows this only where all of /proc and /sys is visible. Inside a container they are mostly masked: start it with --security-opt systempaths=unconfined, or --privileged.",
    });
  }
  if (/control group .* cannot be joined: Permission denied/.test(message)) {
    return new DevenvError("DEVENV_CONTROL_GROUP", message, {
      hint: "The control group this shell runs in is not yours, so that nothing can be moved out of it. Work below your user manager: systemd-run --user --scope --property=Delegate=yes bash",
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

async function userNamespaceHint(): Promise<string> {
  if ((await readSetting("kernel/apparmor_restrict_unprivileged_userns")) === "1") {
    const program = nativeProgram("devenv-sandbox");
    return [
      "AppArmor keeps ordinary users from user namespaces here. Once, as root, write /etc/apparmor.d/devenv:",
      "  abi <abi/4.0>,",
      "  include <tunables/global>",
      `  profile devenv ${program} flags=(unconfined) { userns, }`,
      "and load it: apparmor_parser -r /etc/apparmor.d/devenv",
    ].join("\n");
  }
  if ((await readSetting("kernel/unprivileged_userns_clone")) === "0")
    return "Ordinary users may not make user namespaces here. As root: sysctl kernel.unprivileged_userns_clone=1";
  if ((await readSetting("user/max_user_namespaces")) === "0")
    return "User namespaces are switched off here. As root: sysctl user.max_user_namespaces=15000";
  return "newuidmap and newgidmap are needed (Debian and Ubuntu: apt-get install uidmap), and an entry for you in /etc/subuid and /etc/subgid.";
}

async function readSetting(name: string): Promise<string | undefined> {
  return readFile(`/proc/sys/${name}`, "utf8").then(
    (text) => text.trim(),
    () => undefined,
  );
}

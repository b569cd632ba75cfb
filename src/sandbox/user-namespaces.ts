import { realpathSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { nativeProgram } from "./program.ts";

/** What of this host decides whether a program may make a user namespace and be root in it. */
export interface UserNamespaceHost {
  readonly uid: number;
  /** sysctl kernel.unprivileged_userns_clone, which kernels of Debian and Ubuntu have; undefined on others. */
  readonly unprivilegedClone: string | undefined;
  /** sysctl user.max_user_namespaces. */
  readonly most: string | undefined;
  /** sysctl kernel.apparmor_restrict_unprivileged_userns, on by default since Ubuntu 24.04. */
  readonly appArmor: string | undefined;
  /** Whether a system call filter is in force already, as in a container. */
  readonly isFiltered: boolean;
  /** Where the programs of devenv are, without symbolic links. */
  readonly directory: string;
}

/** Why something is not possible, and how to mend it: commands for root, one after the other. */
export interface Obstacle {
  readonly reason: string;
  readonly remedy: readonly string[];
}

export async function readUserNamespaceHost(): Promise<UserNamespaceHost> {
  const [unprivilegedClone, most, appArmor, status] = await Promise.all(
    [
      "sys/kernel/unprivileged_userns_clone",
      "sys/user/max_user_namespaces",
      "sys/kernel/apparmor_restrict_unprivileged_userns",
      "self/status",
    ].map((name) => readText(`/proc/${name}`)),
  );
  return {
    uid: process.getuid?.() ?? 0,
    unprivilegedClone,
    most,
    appArmor,
    isFiltered: /^Seccomp:\s*2$/m.test(status ?? ""),
    directory: realpathSync(dirname(nativeProgram("devenv-sandbox"))),
  };
}

/** What switches user namespaces off, for whoever asks. */
export function findSwitch({ uid, unprivilegedClone, most }: UserNamespaceHost): Obstacle | undefined {
  if (most === "0") return turn("user.max_user_namespaces", "0", "15000", "user namespaces are switched off");
  if (uid !== 0 && unprivilegedClone === "0")
    return turn("kernel.unprivileged_userns_clone", "0", "1", "ordinary users may not make user namespaces");
  return undefined;
}

/**
 * AppArmor's restriction of user namespaces, which a profile lifts for single programs: whether it is loaded only a
 * trial tells an ordinary user.
 */
export function findAppArmor({ uid, appArmor, directory }: UserNamespaceHost): Obstacle | undefined {
  if (uid === 0 || appArmor !== "1") return undefined;
  const lines = ["abi <abi/4.0>,", "include <tunables/global>", profile(directory)];
  return {
    reason:
      "AppArmor gives ordinary users no rights in user namespaces (kernel.apparmor_restrict_unprivileged_userns = 1)",
    remedy: [
      `printf '%s\\n' ${lines.map(shellWord).join(" ")} > /etc/apparmor.d/devenv`,
      "apparmor_parser -r /etc/apparmor.d/devenv",
    ],
  };
}

/**
 * apparmor.d(5): a name in quotes may have blanks in it; what means more than itself has a backslash before it. In
 * mode `unconfined` what a program executes keeps the profile unless one is attached to its path, so that the copy in
 * memory which the sandbox program goes on in, and newuidmap, have it as well.
 */
function profile(directory: string): string {
  const path = directory.replace(/["\\*?[\]{}^]/g, "\\$&");
  return `profile devenv "${path}/devenv{,-sandbox,-layers}" flags=(unconfined) { userns, }`;
}

/** Sets a sysctl now and at every boot. */
function turn(name: string, found: string, wanted: string, reason: string): Obstacle {
  return {
    reason: `${reason} (${name} = ${found})`,
    remedy: [`echo '${name} = ${wanted}' >> /etc/sysctl.d/60-devenv.conf`, `sysctl -w ${name}=${wanted}`],
  };
}

function shellWord(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

async function readText(file: string): Promise<string | undefined> {
  return readFile(file, "utf8").then(
    (text) => text.trim(),
    () => undefined,
  );
}

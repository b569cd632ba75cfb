import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { everyEnvironment, type Finding, requirement } from "./finding.ts";

/** A program of the host that writes identity maps for ordinary users. */
export interface Mapper {
  readonly name: "newuidmap" | "newgidmap";
  readonly path: string | undefined;
  /** Whether it has the rights of root for its work; undefined when that cannot be seen. */
  readonly isPrivileged: boolean | undefined;
}

/** As in package.json. */
export function examineNode(version: string): Finding {
  const node = requirement("Node.js", "devenv itself");
  const [major = 0, minor = 0] = numbers(version);
  if (major > 20 || (major === 20 && minor >= 19)) return node.ok(version);
  return node.missing(`${version} is older than 20.19`, ["# install a newer one: https://nodejs.org"]);
}

export async function examineFlock(): Promise<Finding> {
  const flock = requirement("flock", "the store");
  const path = await findProgram("flock");
  if (path !== undefined) return flock.ok(path);
  return flock.missing("flock(1) is not installed", ["apt-get install util-linux"]);
}

/** Looks at newuidmap(1) and newgidmap(1). */
export async function readMappers(): Promise<Mapper[]> {
  return await Promise.all([readMapper("newuidmap", "setuid"), readMapper("newgidmap", "setgid")]);
}

/** `noNewPrivileges`: whether the kernel keeps this process from gaining rights by executing anything. */
export function examineMappers(uid: number, mappers: readonly Mapper[], noNewPrivileges: boolean): Finding {
  const names = mappers.map(({ name }) => name).join(", ");
  const found = requirement(names, everyEnvironment);
  if (uid === 0) return found.ok("not needed by root");
  const absent = mappers.filter(({ path }) => path === undefined).map(({ name }) => name);
  if (absent.length > 0)
    return found.missing(`not installed: ${absent.join(", ")}`, ["apt-get install uidmap"]);
  if (noNewPrivileges)
    return found.missing("this process runs under no_new_privs, so that they gain no rights", [
      "# start it without; a container: without --security-opt no-new-privileges",
    ]);
  const powerless = mappers.filter(({ isPrivileged }) => isPrivileged === false).map(({ path }) => path);
  if (powerless.length > 0)
    return found.missing(`neither set-uid root nor with file capabilities: ${powerless.join(", ")}`, [
      `chown root ${powerless.join(" ")}`,
      `chmod u+s ${powerless.join(" ")}`,
    ]);
  return found.ok(mappers.map(({ path }) => path).join(", "));
}

/** Where the host has a program, in the directories that the sandbox program looks into as well. */
export async function findProgram(name: string): Promise<string | undefined> {
  const directories = `${process.env["PATH"] ?? ""}:/usr/sbin:/usr/bin:/sbin:/bin`.split(":");
  for (const path of directories.filter((item) => item !== "").map((item) => join(item, name))) {
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  return undefined;
}

async function readMapper(name: Mapper["name"], capability: string): Promise<Mapper> {
  const path = await findProgram(name);
  if (path === undefined) return { name, path, isPrivileged: undefined };
  const { mode, uid } = await stat(path);
  if (uid === 0 && (mode & 0o4000) !== 0) return { name, path, isPrivileged: true };
  const getcap = await findProgram("getcap");
  if (getcap === undefined) return { name, path, isPrivileged: undefined };
  const { stdout } = await promisify(execFile)(getcap, [path]);
  return { name, path, isPrivileged: stdout.includes(`cap_${capability}`) };
}

/** The parts of a version that are numbers, the most important first. */
export function numbers(version: string): number[] {
  return version.split(".").map((part) => Number.parseInt(part, 10) || 0);
}

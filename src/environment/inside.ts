import { posix, relative, sep } from "node:path";

/** The user of every environment, on every machine. */
export const userName = "dev";
export const homeDirectory = "/home/dev";

/** Where the project stands inside. */
export function workspacePath(name: string): string {
  return `/workspaces/${name}`;
}

/** A path of a configuration as it is inside: `~/` is the home directory. */
export function expandHome(path: string): string {
  return path === "~" || path.startsWith("~/") ? homeDirectory + path.slice(1) : path;
}

/** The directory inside that is the given one outside; the project's own when that lies elsewhere. */
export function workingDirectory(name: string, project: string, outside: string): string {
  const below = relative(project, outside);
  const isOutside = below === ".." || below.startsWith(`..${sep}`);
  return isOutside || below === "" ? workspacePath(name) : posix.join(workspacePath(name), below);
}

/**
 * What a command inside finds in its environment: what the image brings, little of the host, and what the
 * configuration says.
 */
export function insideEnvironment(
  name: string,
  configured: Readonly<Record<string, string>>,
  host: NodeJS.ProcessEnv,
  image: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const passed = ["TERM", "COLORTERM", "LANG"].flatMap((variable) => {
    const value = host[variable];
    return value === undefined || value === "" ? [] : [[variable, value] as const];
  });
  return {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    LANG: "C.UTF-8",
    ...image,
    ...Object.fromEntries(passed),
    HOME: homeDirectory,
    USER: userName,
    LOGNAME: userName,
    SHELL: "/bin/bash",
    DEVENV_NAME: name,
    ...configured,
  };
}

/** The words of a login shell: bash where the image has it. */
export const loginShell: readonly string[] = [
  "/bin/sh",
  "-c",
  "if [ -x /bin/bash ]; then exec /bin/bash --login; fi; SHELL=/bin/sh exec /bin/sh -l",
];

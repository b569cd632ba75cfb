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

/** A variable of the environment inside. */
export interface Variable {
  readonly name: string;
  /** Absent: none, unless the caller has one. */
  readonly value?: string;
  /** Whether that of the caller comes first, where it is not empty. */
  readonly isCallers: boolean;
}

/** What tells programs which terminal and language the caller has. */
const callers = ["TERM", "COLORTERM", "LANG"];

/**
 * What a command inside finds in its environment, in this order: what the image brings, little of the caller's, and what
 * the configuration says.
 */
export function insideVariables(
  name: string,
  configured: Readonly<Record<string, string>>,
  image: Readonly<Record<string, string>> = {},
): Variable[] {
  const fixed: Record<string, string | undefined> = {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    LANG: "C.UTF-8",
    ...image,
    ...Object.fromEntries(callers.map((variable) => [variable, image[variable]])),
    HOME: homeDirectory,
    USER: userName,
    LOGNAME: userName,
    SHELL: "/bin/bash",
    DEVENV_NAME: name,
    ...configured,
  };
  fixed["LANG"] ??= "C.UTF-8";
  return Object.entries(fixed).map(([variable, value]) => ({
    name: variable,
    ...(value === undefined ? {} : { value }),
    isCallers: callers.includes(variable) && !Object.hasOwn(configured, variable),
  }));
}

/** The variables as a caller with this environment gets them. */
export function insideEnvironment(
  variables: readonly Variable[],
  caller: NodeJS.ProcessEnv,
): Record<string, string> {
  return Object.fromEntries(
    variables.flatMap(({ name, value, isCallers }) => {
      const own = isCallers ? caller[name] : undefined;
      const used = own === undefined || own === "" ? value : own;
      return used === undefined ? [] : [[name, used]];
    }),
  );
}

/** The words of a login shell: bash where the image has it. */
export const loginShell: readonly string[] = [
  "/bin/sh",
  "-c",
  "if [ -x /bin/bash ]; then exec /bin/bash --login; fi; SHELL=/bin/sh exec /bin/sh -l",
];

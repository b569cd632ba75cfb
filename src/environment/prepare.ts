import { DevenvError } from "../errors.ts";
import { type RunningEnvironment, runInside } from "./enter.ts";
import { homeDirectory, userName } from "./inside.ts";

/**
 * Makes the user known in the writable layer, where the image does not know one of this name. It comes first: an image
 * may have another name for the same number, and that of the first entry counts.
 */
export async function addUser(
  environment: RunningEnvironment,
  user: { uid: number; gid: number },
): Promise<void> {
  const { uid, gid } = user;
  const script = [
    "set -e",
    "mkdir -p /etc",
    "touch /etc/passwd /etc/group",
    'prepend() { { printf \'%s\\n\' "$2"; cat "$1"; } > /run/devenv-new; cat /run/devenv-new > "$1"; rm /run/devenv-new; }',
    "shell=/bin/sh; if [ -x /bin/bash ]; then shell=/bin/bash; fi",
    `if ! grep -q '^${userName}:' /etc/passwd; then prepend /etc/passwd "${userName}:x:${uid}:${gid}::${homeDirectory}:$shell"; fi`,
    `if ! grep -q '^${userName}:' /etc/group; then prepend /etc/group "${userName}:x:${gid}:"; fi`,
  ];
  await runScript(environment, "root", script.join("\n"), "the user cannot be added to /etc/passwd");
}

/** Gives a new home directory the files of /etc/skel; what is there already stays. */
export async function fillHome(environment: RunningEnvironment): Promise<void> {
  const script = `if [ -d /etc/skel ]; then cp -R -n /etc/skel/. ${homeDirectory}/; fi`;
  await runScript(environment, "user", script, "the files of /etc/skel cannot be copied");
}

async function runScript(
  environment: RunningEnvironment,
  as: "root" | "user",
  script: string,
  what: string,
): Promise<void> {
  const code = await runInside(environment, {
    command: ["/bin/sh", "-c", script],
    directory: "/",
    as,
    streams: "errors",
    network: "beside",
  });
  if (code === 0) return;
  throw new DevenvError("DEVENV_PREPARE", `${what} (exit code ${code})`, {
    hint: "An image needs /bin/sh, cat, cp, grep, mkdir and touch to become an environment.",
  });
}

import type { InputFile } from "../lock/index.ts";
import { normalisationScript } from "./normalise.ts";
import { placeScript } from "./place-script.ts";
import { shellWord } from "./scripts.ts";

/** Where a step finds the copies of its inputs, read-only. */
export const inputsInside = "/run/devenv-inputs";
/** The command as it stands in the configuration. */
export const commandInside = "/run/devenv-command";

/** What decides {@link commandScript}. */
export interface CommandScript {
  readonly workspace: string;
  readonly files: readonly InputFile[];
  /** Seconds since 1970. */
  readonly epoch: number;
  /** Printed behind a failed command, with its exit code; the script waits for a line then. */
  readonly mark?: string;
}

/**
 * Runs the command of a layer among copies of its inputs, which it may write to, and puts in order what it leaves: what
 * still runs is ended first. The script waits for a line on its standard input, which says that the network is there.
 */
export function commandScript({ epoch, files, mark, workspace }: CommandScript): string {
  return `set -e
exec 2>&1 3<&0 </dev/null
read -r go <&3
chown 0:0 /
chmod 0755 /
cd ${shellWord(workspace)}
${placeScript(files, inputsInside, epoch).join("\n")}
hosts=no
if [ ! -e /etc/hosts ] && [ -d /etc ]; then
  hosts=yes
  printf '127.0.0.1 localhost\\n::1 localhost ip6-localhost ip6-loopback\\n' >/etc/hosts
fi
code=0
/bin/sh -eu ${commandInside} 3<&- || code=$?
if [ "$code" -ne 0 ]; then
  ${mark === undefined ? ":" : `printf '\\n%s %s\\n' ${shellWord(mark)} "$code"; read -r go <&3 || :`}
  exit "$code"
fi
cd /
kill -s KILL -- -1 2>/dev/null || :
if [ "$hosts" = yes ]; then rm -f /etc/hosts; fi
${normalisationScript()}`;
}

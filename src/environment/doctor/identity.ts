import { DevenvError } from "../../errors.ts";
import { type HostIdentity, mapIdentity, subordinateIds } from "../../sandbox/index.ts";
import { everyEnvironment, type Finding, requirement } from "./finding.ts";

/** Who the other users inside are, outside: /etc/subuid and /etc/subgid. */
export function examineSubordinateIds(host: HostIdentity): Finding {
  const ids = requirement("subordinate ids", everyEnvironment);
  const { subuid, subgid } = subordinateIds(host);
  const found = `/etc/subuid: ${subuid}, /etc/subgid: ${subgid}`;
  try {
    mapIdentity(host);
    return ids.ok(host.uid === 0 ? `${found}; not needed by root` : found);
  } catch (error) {
    if (!(error instanceof DevenvError)) throw error;
    const command = error.hint?.replace("Once, as root: ", "") ?? "";
    return ids.missing(`${found}; ${host.name} needs 65536 in both`, [command]);
  }
}

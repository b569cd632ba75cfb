import { DevenvError } from "../errors.ts";
import type { StartSettings } from "./state.ts";

/** What of the host's network the user let an environment have: a configuration alone never gets it. */
export interface Consent {
  readonly allowsHostNetwork: boolean;
  readonly allowedHostPorts: readonly number[];
}

export interface ConsentOptions {
  readonly allowHostNetwork?: boolean;
  readonly allowHostPorts?: boolean;
  /** Asks the user, where there is one to ask. */
  readonly confirm?: (question: string) => Promise<boolean>;
}

/**
 * What the user agrees to, now or once before, for what the settings ask for.
 *
 * @throws DevenvError `DEVENV_HOST_NETWORK` or `DEVENV_HOST_PORTS` when they do not.
 */
export async function agree(
  settings: Pick<StartSettings, "name" | "network" | "hostPorts">,
  before: Consent,
  options: ConsentOptions,
): Promise<Consent> {
  const { name, network } = settings;
  let { allowsHostNetwork, allowedHostPorts } = before;
  if (network === "host" && !allowsHostNetwork) {
    const meaning = `${name} asks for the host's network: every service of this machine, also what is only for its own users, is reachable from inside`;
    if (options.allowHostNetwork !== true && !(await confirmed(meaning, options)))
      throw refused("DEVENV_HOST_NETWORK", meaning, "--allow-host-network");
    allowsHostNetwork = true;
  }
  const missing = settings.hostPorts.filter((port) => !allowedHostPorts.includes(port));
  if (missing.length > 0) {
    const ports = `port${missing.length > 1 ? "s" : ""} ${missing.join(", ")}`;
    const meaning = `${name} asks for ${ports} of this machine's loopback: what listens there is reachable from inside`;
    if (options.allowHostPorts !== true && !(await confirmed(meaning, options)))
      throw refused("DEVENV_HOST_PORTS", meaning, "--allow-host-ports");
    allowedHostPorts = [...allowedHostPorts, ...missing];
  }
  return { allowsHostNetwork, allowedHostPorts };
}

async function confirmed(meaning: string, { confirm }: ConsentOptions): Promise<boolean> {
  return (await confirm?.(`${meaning}. Allow it? [y/N] `)) === true;
}

function refused(code: `DEVENV_${string}`, meaning: string, flag: string): DevenvError {
  return new DevenvError(code, `${meaning}; nobody agreed to that`, {
    hint: `Once for this environment: devenv up ${flag}`,
  });
}

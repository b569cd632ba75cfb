import type { Configuration } from "../config/index.ts";
import type { StartSettings } from "./state.ts";

/** What of a configuration only a new start can change. */
export function settingsOf(configuration: Configuration): StartSettings {
  const { name, env, limits, mounts, network, ports, hostPorts } = configuration;
  return {
    name,
    env,
    limits,
    mounts: mounts.map(({ volume, target }) => ({ volume, target })),
    network,
    ports: ports.map(({ host, inside }) => ({ host, inside })),
    hostPorts,
  };
}

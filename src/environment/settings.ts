import type { Configuration } from "../config/index.ts";
import { configuredVariables } from "./configured-variables.ts";
import type { StartSettings } from "./state.ts";

/** What of a configuration only a new start can change. */
export function settingsOf(configuration: Configuration): StartSettings {
  const { name, limits, mounts, network, ports, hostPorts } = configuration;
  return {
    name,
    env: configuredVariables(configuration),
    limits,
    mounts: mounts.map(({ volume, target }) => ({ volume, target })),
    network,
    ports: ports.map(({ host, inside }) => ({ host, inside })),
    hostPorts,
  };
}

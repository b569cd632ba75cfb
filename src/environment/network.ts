import { access, constants, stat } from "node:fs/promises";
import { join } from "node:path";
import { DevenvError } from "../errors.ts";
import { type NetworkHelper, type NetworkPlan, type NetworkState, readNetwork } from "../sandbox/index.ts";
import type { StartSettings } from "./state.ts";

/** A program that carries packets between a network of its own and the host's. */
export interface HelperProgram {
  readonly kind: "pasta" | "slirp4netns";
  /** Absolute path. */
  readonly path: string;
}

/** Where the sandbox says what became of the network of the environment in this directory. */
export function networkFile(directory: string): string {
  return join(directory, "network");
}

/** Whether something looks after the network of environments with these settings. */
export function hasWatcher({ network, ports, hostPorts }: StartSettings): boolean {
  return network === "private" || (network === "none" && ports.length + hostPorts.length > 0);
}

/** The network of an environment that runs; undefined where nothing looks after it. */
export async function networkState(
  directory: string,
  settings: StartSettings,
): Promise<NetworkState | undefined> {
  return hasWatcher(settings) ? await readNetwork(networkFile(directory)) : undefined;
}

/** What connects the network of an environment with the host's; undefined where nothing does. */
export function planNetwork(
  settings: StartSettings,
  directory: string,
  program: HelperProgram | undefined,
  host: { readonly isRoot: boolean; readonly resolver: string },
): NetworkPlan | undefined {
  if (!hasWatcher(settings)) return undefined;
  const { ports, hostPorts } = settings;
  const helper =
    settings.network === "private" && program !== undefined ? helperFor(program, host) : undefined;
  return {
    stateFile: networkFile(directory),
    ports,
    hostPorts,
    ...(helper === undefined ? {} : { helper }),
  };
}

/** How the program is started. */
export function helperFor(
  { kind, path }: HelperProgram,
  { isRoot, resolver }: { isRoot: boolean; resolver: string },
): NetworkHelper {
  if (kind === "slirp4netns") {
    const options = [
      "--configure",
      "--mtu=65520",
      "--disable-host-loopback",
      "--enable-ipv6",
      "--ready-fd=3",
    ];
    return { words: [path, ...options, "{pid}", "eth0"], readyDescriptor: 3 };
  }
  const none = ["--tcp-ports", "--udp-ports", "--tcp-ns", "--udp-ns"].flatMap((option) => [option, "none"]);
  return {
    words: [
      path,
      ...["--foreground", "--quiet", "--config-net", "--ns-ifname", "eth0"],
      // The sandbox passes on what is declared, and ends the helper with the environment.
      ...[...none, "--no-map-gw", "--no-netns-quit"],
      ...(isForwarded(resolver) ? ["--dns-forward", pastaResolver] : []),
      // Else it would become nobody, who may not join the namespaces.
      ...(isRoot ? ["--runas", "0"] : []),
      ...["--pid", "/proc/self/fd/1", "{pid}"],
    ],
    readyDescriptor: 1,
  };
}

/** Addresses that lead to the host's resolver: one that nothing else has, and the one that slirp4netns has for it. */
const pastaResolver = "169.254.1.1";
const slirpResolver = "10.0.2.3";

/** /etc/resolv.conf inside, from the host's: it names what is reachable, and keeps domains and options. */
export function resolverFile(resolver: string, { kind }: Pick<HelperProgram, "kind">): string {
  const lines = resolver.split("\n").filter((line) => !/^\s*(nameserver\b|[#;]|$)/.test(line));
  const servers = kind === "slirp4netns" ? [slirpResolver] : pastaServers(resolver);
  return [...servers.map((server) => `nameserver ${server}`), ...lines].map((line) => `${line}\n`).join("");
}

function pastaServers(resolver: string): string[] {
  const direct = serversOf(resolver).filter((server) => !isLocal(server));
  return isForwarded(resolver) ? [pastaResolver, ...direct] : direct;
}

/** pasta forwards to the first server; without any the resolver asks this host. */
function isForwarded(resolver: string): boolean {
  const [first = "127.0.0.1"] = serversOf(resolver);
  return isLocal(first);
}

function serversOf(resolver: string): string[] {
  return [...resolver.matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, server = ""]) => server);
}

/** Reachable from this host only: its loopback, and what is on one of its links. */
function isLocal(server: string): boolean {
  return /^(127\.|0\.0\.0\.0$|::1?$)/.test(server) || server.includes("%");
}

/**
 * The program that connects private networks: pasta, or slirp4netns where only that is installed.
 *
 * @throws DevenvError `DEVENV_NETWORK_HELPER` when there is neither.
 */
export async function findHelper(path: string): Promise<HelperProgram> {
  const places = [...path.split(":").filter((place) => place.startsWith("/")), "/usr/bin"];
  for (const kind of ["pasta", "slirp4netns"] as const)
    for (const place of places) {
      const program = join(place, kind);
      if (await isExecutable(program)) return { kind, path: program };
    }
  throw new DevenvError("DEVENV_NETWORK_HELPER", "a private network needs pasta, which is not installed", {
    hint: 'apt-get install passt\nOr write "network": "host" or "none" into devenv.jsonc.',
  });
}

async function isExecutable(file: string): Promise<boolean> {
  return await access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** Why packets cannot flow, as an error with a way to mend it. */
export async function networkFailed(
  name: string,
  reason: string,
  tunnel = "/dev/net/tun",
): Promise<DevenvError> {
  return new DevenvError("DEVENV_NETWORK_FAILED", `${name} has no network: ${reason}`, {
    hint: `${await remedyFor(tunnel)}Or write "network": "host" or "none" into devenv.jsonc.`,
  });
}

/** How the device is mended that the helpers need, whose old versions do not say what is wrong; empty when it is not it. */
export async function remedyFor(tunnel = "/dev/net/tun"): Promise<string> {
  const device = await stat(tunnel).catch(() => undefined);
  if (device?.isCharacterDevice() !== true) return `As root: modprobe tun, which makes ${tunnel}\n`;
  const isOpen = await access(tunnel, constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
  return isOpen ? "" : `As root: chmod 0666 ${tunnel}, as udev does where it runs\n`;
}

/** Whether the helper could not start because the host itself has no way out at present. */
export function isOffline(reason: string): boolean {
  return /External interface not usable|No external routable interface/.test(reason);
}

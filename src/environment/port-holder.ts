import { readdir, readFile, readlink } from "node:fs/promises";
import { DevenvError } from "../errors.ts";
import type { Store } from "../store/index.ts";
import { environmentDirectory, environmentIds } from "./directory.ts";
import { networkState } from "./network.ts";
import { findRunning } from "./running.ts";
import { readState, type StartSettings } from "./state.ts";

/**
 * Looks before anything is stopped whether the ports of a configuration are free on the host's loopback addresses, those
 * that the environment itself has already apart.
 *
 * @throws DevenvError `DEVENV_PORT_TAKEN` that names who has one.
 */
export async function checkPortsFree(
  store: Store,
  { ports, network }: StartSettings,
  own: readonly number[],
): Promise<void> {
  if (network === "host" || ports.length === 0) return;
  const listening = await readListening();
  const taken = ports.find(({ host }) => !own.includes(host) && listening.has(host));
  if (taken !== undefined) throw await portTaken(store, taken.host);
}

/** That this port of the host cannot be published, with who has it as far as this user may see. */
export async function portTaken(store: Store, port: number): Promise<DevenvError> {
  const holder = (await holdingEnvironment(store, port)) ?? (await holdingProcess(port));
  const who = holder === undefined ? "" : `: ${holder} has it`;
  return new DevenvError("DEVENV_PORT_TAKEN", `port ${port} of the host is taken${who}`, {
    hint: `End that, or choose another port of the host in "ports" of devenv.jsonc, such as "${otherThan(port)}:INSIDE".`,
  });
}

/** Inodes of listening sockets that are in the way of one at a loopback address, by port; see proc_net(5). */
export function parseListening(text: string): [port: number, inode: string][] {
  return text.split("\n").flatMap((line): [number, string][] => {
    const [, local = "", , state, , , , , , inode = ""] = line.trim().split(/\s+/);
    const [address = "", port = ""] = local.split(":");
    // State 0A is LISTEN; addresses are words in the order of this host's bytes.
    const isInTheWay = /^(0+|0100007F|0{24}01000000|0{16}FFFF00000100007F)$/i.test(address);
    return state === "0A" && isInTheWay ? [[Number.parseInt(port, 16), inode]] : [];
  });
}

async function readListening(): Promise<ReadonlyMap<number, readonly string[]>> {
  const texts = await Promise.all(
    ["/proc/net/tcp", "/proc/net/tcp6"].map((file) => readFile(file, "utf8").catch(() => "")),
  );
  const found = new Map<number, string[]>();
  for (const [port, inode] of texts.flatMap(parseListening))
    found.set(port, [...(found.get(port) ?? []), inode]);
  return found;
}

async function holdingEnvironment(store: Store, port: number): Promise<string | undefined> {
  for (const id of await environmentIds(store)) {
    const { path } = environmentDirectory(store, id);
    const state = await readState(path);
    const settings = state?.start?.settings;
    if (state === undefined || settings?.ports?.some(({ host }) => host === port) !== true) continue;
    const network = await networkState(path, settings);
    if (network !== undefined && network.kind !== "lost" && (await findRunning(path)) !== undefined)
      return `the environment ${state.name} (${state.project})`;
  }
  return undefined;
}

/** Those of other users are seen by root only. */
async function holdingProcess(port: number): Promise<string | undefined> {
  const wanted = ((await readListening()).get(port) ?? []).map((inode) => `socket:[${inode}]`);
  for (const pid of (await readdir("/proc")).filter((name) => /^[0-9]+$/.test(name))) {
    const files = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const file of files) {
      const target = await readlink(`/proc/${pid}/fd/${file}`).catch(() => "");
      if (!wanted.includes(target)) continue;
      const name = await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "a process");
      return `${name.trim()} (process ${pid})`;
    }
  }
  return wanted.length > 0 ? "a process of another user" : undefined;
}

function otherThan(port: number): number {
  return port < 20_000 ? port + 10_000 : port - 10_000;
}

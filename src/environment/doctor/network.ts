import { open } from "node:fs/promises";
import { type Finding, requirement } from "./finding.ts";
import { findProgram } from "./programs.ts";

/** What of the host a network of its own with a way out needs. */
export interface NetworkHost {
  /** The device that network helpers make interfaces with. */
  readonly tun: "usable" | "refused" | "absent";
  /** Paths of the helpers. */
  readonly pasta: string | undefined;
  readonly slirp4netns: string | undefined;
}

const device = "/dev/net/tun";
const need = '"network": "private"';

export async function readNetworkHost(): Promise<NetworkHost> {
  const [tun, pasta, slirp4netns] = await Promise.all([
    tryTun(),
    findProgram("pasta"),
    findProgram("slirp4netns"),
  ]);
  return { tun, pasta, slirp4netns };
}

/** An interface is made only by what is asked of it once it is open; a node without its module cannot be opened. */
async function tryTun(): Promise<NetworkHost["tun"]> {
  try {
    await (await open(device, "r+")).close();
    return "usable";
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "EACCES" || code === "EPERM" ? "refused" : "absent";
  }
}

export function examineNetwork({ tun, pasta, slirp4netns }: NetworkHost): Finding[] {
  return [examineTun(tun), examineHelper(pasta, slirp4netns)];
}

function examineTun(tun: NetworkHost["tun"]): Finding {
  const found = requirement(device, need);
  if (tun === "usable") return found.ok("readable and writable");
  if (tun === "refused")
    return found.limited("it is not readable and writable for you", [`chmod 0666 ${device}`]);
  return found.limited("it is not there, or the kernel has no module for it", [
    "modprobe tun",
    "echo tun > /etc/modules-load.d/tun.conf",
    `# a container: start it with --device ${device}`,
  ]);
}

function examineHelper(pasta: string | undefined, slirp4netns: string | undefined): Finding {
  const found = requirement("pasta", need);
  if (pasta !== undefined) return found.ok(pasta);
  if (slirp4netns !== undefined) return found.ok(`${slirp4netns} instead`);
  return found.limited("neither pasta nor slirp4netns is installed", [
    "apt-get install passt || apt-get install slirp4netns",
  ]);
}

import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { DevenvError } from "../errors.ts";
import { type EnvironmentProcess, isAlive } from "./environment.ts";
import { runNative } from "./native.ts";
import { type NetworkPlan, networkWords } from "./plan.ts";

/** What became of a network that the sandbox looks after. */
export type NetworkState =
  | { readonly kind: "ready" | "starting"; readonly watcher: EnvironmentProcess }
  /** Why packets cannot flow, as far as anybody said so. */
  | { readonly kind: "lost"; readonly reason: string };

/** Milliseconds that a helper may take until packets can flow. */
const patience = 10_000;

/** The network with this state file, as it is now. */
export async function readNetwork(stateFile: string): Promise<NetworkState> {
  // In the order in which they follow each other, so that the step from one to the next is not taken for a loss.
  for (const [kind, file] of [
    ["starting", `${stateFile}.starting`],
    ["ready", stateFile],
  ] as const) {
    const watcher = await readWatcher(file);
    if (watcher !== undefined) return { kind, watcher };
  }
  const reason = await readFile(`${stateFile}.failed`, "utf8").catch(() => "the network helper was ended");
  return { kind: "lost", reason: reason.trim() };
}

/** Resolves when packets can flow, or it is clear that they will not. */
export async function settleNetwork(stateFile: string): Promise<NetworkState> {
  const deadline = performance.now() + patience;
  for (;;) {
    const state = await readNetwork(stateFile);
    if (state.kind !== "starting") return state;
    if (performance.now() > deadline)
      return {
        kind: "lost",
        reason: `nothing was heard of the network helper in ${patience / 1000} seconds`,
      };
    await sleep(3);
  }
}

/** Gives an environment that runs a network helper again. */
export async function restoreNetwork(process: EnvironmentProcess, plan: NetworkPlan): Promise<void> {
  const words = ["--pid", String(process.pid), "--starttime", process.startTime, ...networkWords(plan)];
  const code = await runNative("network", words, { stdin: "ignore", stdout: "ignore", stderr: "inherit" });
  if (code !== 0)
    throw new DevenvError("DEVENV_SANDBOX_FAILED", `the sandbox program ended with ${code} and said nothing`);
}

/** Resolves when nothing of a network is left whose environment has ended: its ports are free then. */
export async function awaitNetworkEnd(stateFile: string): Promise<void> {
  const deadline = performance.now() + 2000;
  while (performance.now() < deadline) {
    if ((await readNetwork(stateFile)).kind === "lost") return;
    await sleep(3);
  }
}

async function readWatcher(file: string): Promise<EnvironmentProcess | undefined> {
  const text = await readFile(file, "utf8").catch(() => "");
  const [, pid, startTime, boot] = /^([0-9]+) ([0-9]+) (\S+)\n$/.exec(text) ?? [];
  if (pid === undefined || startTime === undefined) return undefined;
  // Number and start time alone may come round again after a reboot.
  const present = (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
  const watcher = { pid: Number(pid), startTime };
  return boot === present && (await isAlive(watcher)) ? watcher : undefined;
}

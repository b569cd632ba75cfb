import { restoreNetwork, settleNetwork } from "../sandbox/index.ts";
import type { Environment } from "./environment.ts";
import { isOffline, networkFailed, networkFile, networkState } from "./network.ts";
import type { Observer } from "./observer.ts";
import type { RunningProcess } from "./running.ts";
import type { StartPlan } from "./start.ts";
import { stop } from "./stop.ts";

/** Gives an environment that runs its network again when it has lost it. Resolves to whether it had. */
export async function restore(
  environment: Environment,
  running: RunningProcess,
  { sandbox, settings }: StartPlan,
  observer: Observer,
): Promise<boolean> {
  const network = await networkState(environment.directory.path, settings);
  if (network?.kind !== "lost" || sandbox.networkPlan === undefined) return false;
  if (!isOffline(network.reason))
    observer.note(`${settings.name} had lost its network (${network.reason}); starting it again`);
  await restoreNetwork(running, sandbox.networkPlan);
  return true;
}

/**
 * Waits until packets can flow. Where the host is offline itself, the environment goes on without.
 *
 * @throws DevenvError `DEVENV_NETWORK_FAILED` when they cannot; an environment that has just started is stopped then.
 */
export async function awaitNetwork(
  environment: Environment,
  { sandbox, settings }: StartPlan,
  hasStarted: boolean,
  observer: Observer,
): Promise<void> {
  if (sandbox.networkPlan === undefined) return;
  const network = await settleNetwork(networkFile(environment.directory.path));
  if (network.kind !== "lost") return;
  if (isOffline(network.reason)) {
    observer.note(
      "this machine has no route to anywhere, and so the environment has none; `devenv up` tries it again",
    );
    return;
  }
  if (hasStarted) await stop(environment);
  throw await networkFailed(settings.name, network.reason);
}

import { DevenvError } from "../errors.ts";
import {
  changeControlGroups,
  type Limits,
  type LimitsChange,
  planLimitsChange,
  readUsage,
} from "../sandbox/index.ts";
import { type Environment, save } from "./environment.ts";
import type { Observer } from "./observer.ts";
import type { RunningProcess } from "./running.ts";
import type { StartPlan } from "./start.ts";
import { type EnvironmentState, groupsOf } from "./state.ts";

/** How the limits of what runs become those that a start would have; undefined when nothing was ever started. */
export function planChange(state: EnvironmentState, plan: StartPlan): LimitsChange | undefined {
  const { start } = state;
  if (start === undefined) return undefined;
  const missing = new Set(start.missingLimits.map(({ limit }) => limit));
  // Of a change that did not come to its end, either side may be what holds.
  const limits = { ...start.changingTo, ...start.settings.limits };
  const enforced = Object.fromEntries(Object.entries(limits).filter(([limit]) => !missing.has(limit)));
  const present = { limits: enforced, groups: start.cgroups, slice: start.slice?.name };
  return planLimitsChange(present, plan.settings.limits, plan.subject);
}

/**
 * Changes the limits of a running environment. What is to hold is written down first, so that the next `up` completes
 * what a killed one began.
 *
 * @throws DevenvError `DEVENV_LIMIT_BELOW_USE` when more memory is in use than is to be allowed; nothing is changed then.
 */
export async function changeLimits(
  environment: Environment,
  running: RunningProcess,
  plan: StartPlan,
  change: LimitsChange,
  observer: Observer,
): Promise<void> {
  const { start, name } = environment.state;
  if (start === undefined) throw new Error(`Assertion failed: nobody started ${name}`);
  const { limits } = plan.settings;
  await refuseBelowUse(limits, groupsOf(start));
  for (const { limit, reason } of change.missing)
    observer.note(`the limit "${limit}" is not enforced: ${reason}`);
  observer.begin(`changing the limits of ${name}`);
  const cgroups = change.plan.join;
  const { allowsMissingLimits } = plan;
  await save(environment, {
    start: { ...start, cgroups, changingTo: limits },
    stamps: undefined,
    allowsMissingLimits,
  });
  await changeControlGroups(running, { ...change.plan, move: change.move });
  const missingLimits = change.missing.map(({ limit, reason }) => ({ limit, reason }));
  const settings = { ...start.settings, limits };
  await save(environment, { start: { ...start, cgroups, settings, missingLimits, changingTo: undefined } });
  observer.end();
}

/** The kernel would end processes until the rest fits (v2), or refuse (v1). */
async function refuseBelowUse({ memory }: Limits, groups: readonly string[]): Promise<void> {
  const { held } = await readUsage(groups);
  if (memory === undefined || held === undefined || held <= memory) return;
  const sizes = [held, memory].map((bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`);
  throw new DevenvError(
    "DEVENV_LIMIT_BELOW_USE",
    `limits.memory: the environment uses ${sizes[0]}, the new limit is ${sizes[1]}`,
    { hint: "End what needs the memory, or all of it: devenv down" },
  );
}

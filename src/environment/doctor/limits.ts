import { blockDevicesOf, type Limits, planLimits } from "../../sandbox/index.ts";
import { type Finding, requirement } from "./finding.ts";

/** One value of each limit, as an environment might have it; swap is part of memory. */
const trial: Required<Omit<Limits, "swap">> = {
  cpus: 1,
  memory: 64 * 1024 * 1024,
  pids: 64,
  disk: 2 ** 30,
  io: { read: 2 ** 30 },
};

/** Which limits this host can enforce with a store there. A remedy for several is told with the first of them. */
export function examineLimits(store: string, plan: typeof planLimits = planLimits): Finding[] {
  const { missing } = plan(trial, { id: "doctor", disks: blockDevicesOf([store]) });
  const told = new Map<string, string>();
  return Object.keys(trial).map((limit): Finding => {
    const name = `limit ${limit}`;
    const found = requirement(name, `"limits": "${limit}"`);
    const lack = missing.find((item) => item.limit === limit);
    if (lack === undefined) return found.ok("can be enforced");
    const remedy = lack.remedy.join("\n");
    const earlier = told.get(remedy);
    if (earlier !== undefined) return found.limited(`${lack.reason}; mended like ${earlier}`);
    told.set(remedy, name);
    return found.limited(lack.reason, lack.remedy);
  });
}

import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { DevenvError } from "../errors.ts";
import { type ControlGroupHost, words } from "./cgroup-host.ts";
import { delegation } from "./cgroup-place.ts";
import { controllers, settingsOf } from "./cgroup-settings.ts";
import type { GroupLimit, Limits, MissingLimit, UserSlice } from "./limit-types.ts";

const names: readonly GroupLimit[] = ["cpus", "memory", "pids", "io"];

/**
 * The slice of the user manager that an environment and each command in it become part of (systemd.slice(5)). It is the
 * way of ordinary users on cgroup v2: who logs in is in a group of root's, and nobody but systemd moves them from there.
 */
export function planSlice(
  limits: Limits,
  id: string,
  devices: readonly string[],
  manager: NonNullable<ControlGroupHost["userManager"]>,
  host: ControlGroupHost,
): { readonly slice: UserSlice; readonly missing: readonly MissingLimit[] } {
  const given = words(join(manager.directory, "cgroup.controllers"));
  const asked = names.filter((limit) => limits[limit] !== undefined);
  const missing = asked.flatMap((limit): MissingLimit[] => {
    const held = controllers[limit].find((controller) => !given.includes(controller));
    return held === undefined ? [] : [notDelegated(limit, held, host.uid)];
  });
  const enforced = asked.filter((limit) => !missing.some((item) => item.limit === limit));
  const own = Object.fromEntries(
    Object.entries(limits).filter(([name]) =>
      enforced.includes((name === "swap" ? "memory" : name) as GroupLimit),
    ),
  ) as Limits;
  const name = `devenv-${id.replaceAll("-", "\\x2d")}.slice`;
  // "-" in the name of a slice says that it is inside another one.
  const directory = join(manager.directory, "devenv.slice", name);
  const group = { directory, devices, isRunning: false };
  return {
    slice: {
      name,
      directory,
      runtime: manager.runtime,
      properties: propertiesOf(own, devices, host.hasSwap),
      settings: enforced.flatMap((limit) => settingsOf(limit, own, group, host)),
    },
    missing,
  };
}

/** systemd.resource-control(5). What is not limited is said too, because a slice keeps what it was told before. */
function propertiesOf(limits: Limits, devices: readonly string[], hasSwap: boolean): string[] {
  const { cpus, memory, pids, io } = limits;
  const swap = limits.swap ?? (memory === undefined ? "infinity" : 0);
  return [
    `CPUQuota=${cpus === undefined ? "" : `${Math.round(cpus * 10_000) / 100}%`}`,
    `MemoryMax=${memory ?? "infinity"}`,
    ...(hasSwap ? [`MemorySwapMax=${swap}`] : []),
    `TasksMax=${pids ?? "infinity"}`,
    ...(["Read", "Write"] as const).flatMap((way) => {
      const rate = way === "Read" ? io?.read : io?.write;
      if (rate === undefined) return [`IO${way}BandwidthMax=`];
      return devices.map((device) => `IO${way}BandwidthMax=/dev/block/${device} ${rate}`);
    }),
  ];
}

/**
 * Tells a slice its limits, whether anything runs in it or not: at each start, because systemd forgets them with the
 * user's last session.
 *
 * @throws DevenvError `DEVENV_CONTROL_GROUP` when systemd refuses them.
 */
export async function setSlice({ name, runtime, properties }: UserSlice): Promise<void> {
  await systemctl(runtime, ["set-property", "--runtime", name, ...properties]).catch((cause: unknown) => {
    throw new DevenvError("DEVENV_CONTROL_GROUP", `systemd does not set the limits of ${name}`, { cause });
  });
}

/**
 * Looks whether the kernel has what systemd was told, once something runs in the slice.
 *
 * @throws DevenvError `DEVENV_CONTROL_GROUP` that names the file.
 */
export async function checkSlice({ settings }: UserSlice): Promise<void> {
  for (const { file, value } of settings) {
    const text = await readFile(file, "utf8").catch(() => "nothing");
    if (holds(value, text)) continue;
    const found = JSON.stringify(text.trim());
    throw new DevenvError(
      "DEVENV_CONTROL_GROUP",
      `${file}: ${value} was asked of systemd, but it reads ${found}`,
    );
  }
}

/** Ends what is left in a slice, and lets systemd forget it. */
export async function removeSlice({ name, runtime }: Pick<UserSlice, "name" | "runtime">): Promise<void> {
  // Without a manager there is nothing to forget.
  await systemctl(runtime, ["stop", name]).catch(() => undefined);
  await systemctl(runtime, ["revert", name]).catch(() => undefined);
}

async function systemctl(runtime: string, words: readonly string[]): Promise<void> {
  const env = { PATH: process.env["PATH"] ?? "/usr/bin:/bin", XDG_RUNTIME_DIR: runtime };
  await promisify(execFile)("systemctl", ["--user", ...words], { env });
}

/** The kernel rounds sizes down to pages, and lists devices line by line. */
function holds(asked: string, text: string): boolean {
  const lines = text.trim().split("\n");
  if (asked.includes("bps=")) return lines.some((line) => `${line} `.startsWith(`${asked} `));
  const [found = ""] = lines;
  const page = 4096;
  return (
    found === asked || (/^[0-9]+$/.test(found) && Number(found) === Math.floor(Number(asked) / page) * page)
  );
}

function notDelegated(limit: GroupLimit, controller: string, uid: number): MissingLimit {
  return {
    limit,
    reason: `systemd does not delegate the "${controller}" controller to users here`,
    remedy: delegation(uid),
  };
}

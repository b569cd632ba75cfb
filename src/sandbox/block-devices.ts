import { existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

/** The disks below some paths, as "MAJOR:MINOR"; or why what is read and written there cannot be limited. */
export type BlockDevices = { readonly devices: readonly string[] } | { readonly reason: string };

/** The whole disks, each once, that the file systems of these paths are on. */
export function blockDevicesOf(paths: readonly string[], mounts = "/proc/self/mountinfo"): BlockDevices {
  const devices = new Set<string>();
  for (const path of paths) {
    const device = deviceNumber(statSync(path, { bigint: true }).dev);
    const disk = wholeDisk(device);
    if (disk === undefined) return { reason: `${path} is on ${kindOf(device, mounts)}, not on a disk` };
    devices.add(disk);
  }
  return { devices: [...devices] };
}

/** makedev(3) of the C library: 12 and 20 bits of each number, and what is above them. */
function deviceNumber(device: bigint): string {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n);
  const minor = (device & 0xffn) | ((device >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}

/** The kernel limits disks and not their partitions. */
function wholeDisk(device: string): string | undefined {
  const place = `/sys/dev/block/${device}`;
  if (!existsSync(place)) return undefined;
  const directory = realpathSync(place);
  if (!existsSync(join(directory, "partition"))) return device;
  return readFileSync(join(dirname(directory), "dev"), "utf8").trim();
}

/** proc_pid_mountinfo(5): field 3 is the device, the file system's type is the first behind " - ". */
function kindOf(device: string, mounts: string): string {
  for (const line of readFileSync(mounts, "utf8").split("\n")) {
    const [mount = "", system = ""] = line.split(" - ");
    if (mount.split(" ")[2] === device) return `${system.split(" ")[0]} without a device of its own`;
  }
  // Each subvolume of btrfs has a number that stands in no table.
  return "a file system without a device of its own (btrfs, for example)";
}

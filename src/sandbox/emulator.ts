import { open, readFile, realpath } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { DevenvError } from "../errors.ts";
import type { Platform } from "../lock/types.ts";

/** How programs of another processor run here. */
export interface Emulator {
  /** What the kernel's `register` takes (Documentation/admin-guide/binfmt-misc.rst); absent where the host has it. */
  readonly registration?: string;
}

/** By what the kernel knows a program of a platform, and what qemu calls its processor: its scripts/qemu-binfmt-conf.sh. */
const kinds: Readonly<Record<Platform, { processor: string; machine: number; mask: readonly number[] }>> = {
  "linux/amd64": { processor: "x86_64", machine: 0x3e, mask: maskOf([0xff, 0xfe, 0xfe, 0xfc]) },
  "linux/arm64": { processor: "aarch64", machine: 0xb7, mask: maskOf([0xff, 0xff, 0xff, 0x00]) },
};

/** Where {@link findEmulator} looks; this host's own places unless given. */
export interface EmulatorHost {
  readonly platform: Platform;
  readonly path: string;
  /** The kernel's list of what root registered. */
  readonly registered: string;
}

/**
 * How programs of a platform run on this host; undefined when they are its own. It is qemu's, of which each environment
 * tells the kernel for itself (Linux 6.7), unless root has told it for the whole host, so that it works in containers.
 *
 * @throws DevenvError `DEVENV_EMULATOR` when there is none.
 */
export async function findEmulator(
  platform: Platform,
  host: EmulatorHost = thisHost(),
): Promise<Emulator | undefined> {
  if (platform === host.platform) return undefined;
  const kind = kinds[platform];
  if (kind === undefined || process.platform !== "linux") throw unavailable(platform, host.platform);
  const name = `qemu-${kind.processor}`;
  const registered = await readFile(join(host.registered, name), "utf8").catch(() => "");
  if (/^enabled$/m.test(registered) && /^flags: .*F/m.test(registered)) return {};
  const program = await findStatic([`${name}-static`, name], host.path);
  if (program === undefined) throw unavailable(platform, host.platform);
  return {
    registration: [
      "",
      `devenv-${kind.processor}`,
      "M",
      "",
      escaped([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, kind.machine, 0]),
      escaped(kind.mask),
      program,
      // The name that a program was called by stays; the emulator is opened now.
      "PF",
    ].join(":"),
  };
}

/** Of the first twenty bytes: of bytes 4 to 7 these bits, of the type whether it is a program, with or without a place. */
function maskOf(identity: readonly number[]): number[] {
  return [...Array(4).fill(0xff), ...identity, ...Array(8).fill(0xff), 0xfe, 0xff, 0xff, 0xff];
}

function escaped(bytes: readonly number[]): string {
  return bytes.map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
}

function thisHost(): EmulatorHost {
  const architecture = { x64: "amd64" }[process.arch as string] ?? process.arch;
  return {
    platform: `${process.platform}/${architecture}`,
    path: `${process.env["PATH"] ?? ""}${delimiter}/usr/bin`,
    registered: "/proc/sys/fs/binfmt_misc",
  };
}

/** A program that needs no loader, which the environment would not have. */
async function findStatic(names: readonly string[], path: string): Promise<string | undefined> {
  for (const name of names) {
    for (const directory of path.split(delimiter).filter((one) => one.startsWith("/"))) {
      const file = await realpath(join(directory, name)).catch(() => undefined);
      if (file !== undefined && !/[:\s\\]/.test(file) && (await isStatic(file))) return file;
    }
  }
  return undefined;
}

/** elf(5): a program with a loader has a segment PT_INTERP. */
async function isStatic(file: string): Promise<boolean> {
  const handle = await open(file).catch(() => undefined);
  if (handle === undefined) return false;
  try {
    const head = Buffer.alloc(4096);
    const { bytesRead } = await handle.read(head, 0, head.length, 0);
    if (bytesRead < 64 || head.readUInt32BE(0) !== 0x7f454c46) return false;
    const [offset, size, count] = [
      Number(head.readBigUInt64LE(32)),
      head.readUInt16LE(54),
      head.readUInt16LE(56),
    ];
    if (size < 4 || offset + size * count > bytesRead) return false;
    const types = Array.from({ length: count }, (_, index) => head.readUInt32LE(offset + index * size));
    return !types.includes(3);
  } finally {
    await handle.close();
  }
}

function unavailable(platform: Platform, host: Platform): DevenvError {
  const name = `qemu-${kinds[platform]?.processor ?? "…"}-static`;
  return new DevenvError("DEVENV_EMULATOR", `programs of ${platform} do not run on ${host} without ${name}`, {
    hint: "As root: apt-get install qemu-user-static (Debian 13 and later: qemu-user)",
  });
}

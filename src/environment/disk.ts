import { execFile } from "node:child_process";
import { mkdir, open, rename, rm, statfs } from "node:fs/promises";
import { promisify } from "node:util";
import { DevenvError } from "../errors.ts";
import type { EnvironmentDirectory } from "./directory.ts";
import type { Environment } from "./environment.ts";
import { homeDirectory } from "./inside.ts";

/**
 * Makes the disk of an environment that does not run, or lets it grow. Its file takes what is written to it only. A kill
 * leaves a disk that the next start completes, or none.
 *
 * @throws DevenvError `DEVENV_LIMIT_DISK` when it cannot be made.
 */
export async function prepareDisk(directory: EnvironmentDirectory, size: number): Promise<void> {
  await mkdir(directory.diskPlace, { recursive: true, mode: 0o700 });
  const present = await sizeOf(directory.disk);
  try {
    if (present === undefined) await makeDisk(directory.disk, size);
    else if (present < wholeBlocks(size)) await growDisk(directory.disk, size);
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    throw new DevenvError(
      "DEVENV_LIMIT_DISK",
      `${directory.disk}: the disk of "limits.disk" cannot be made`,
      {
        ...(isMissing ? { hint: "mkfs.ext4 and resize2fs are needed: apt-get install e2fsprogs" } : {}),
        cause,
      },
    );
  }
}

async function makeDisk(file: string, size: number): Promise<void> {
  const temporary = `${file}.new`;
  await rm(temporary, { force: true });
  try {
    const handle = await open(temporary, "wx", 0o600);
    await handle.truncate(size).finally(() => handle.close());
    // Nothing is kept back for root, who is nobody here; tables are written when they are needed.
    const options = ["-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard"];
    await run("mkfs.ext4", ["-q", "-F", ...options, temporary]);
    await rename(temporary, file);
  } finally {
    await rm(temporary, { force: true });
  }
}

async function growDisk(file: string, size: number): Promise<void> {
  // It ends with 1 when it mended something, such as what a power failure left.
  await run("e2fsck", ["-f", "-p", file]).catch((error: unknown) => {
    if ((error as { code?: unknown }).code !== 1) throw error;
  });
  await run("resize2fs", [file, `${Math.floor(size / 1024)}K`]);
}

async function run(program: string, words: readonly string[]): Promise<void> {
  const env = { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`, LC_ALL: "C" };
  await promisify(execFile)(program, words, { env });
}

/**
 * Whether home and volumes can stay where they are with a disk of `asked` bytes, or none.
 *
 * @throws DevenvError `DEVENV_LIMIT_DISK` when they would have to move, or the disk to shrink.
 */
export async function checkDisk({ directory, state }: Environment, asked: number | undefined): Promise<void> {
  if (!state.hasHome) return;
  const present = await sizeOf(directory.disk);
  const wanted = asked === undefined ? undefined : wholeBlocks(asked);
  if ((present === undefined) === (wanted === undefined) && (present ?? 0) <= (wanted ?? 0)) return;
  const [message, way] =
    present === undefined
      ? [
          "home and volumes of this environment are on no disk of their own",
          "save what you need of them, then",
        ]
      : wanted === undefined
        ? [
            "home and volumes of this environment are on a disk of their own",
            "save what you need of them, then",
          ]
        : [`the disk has ${present} bytes and cannot shrink to ${wanted}`, "set it higher, or"];
  throw new DevenvError("DEVENV_LIMIT_DISK", `"limits.disk": ${message}`, {
    hint: `To change that, ${way} begin anew: devenv rm && devenv up`,
  });
}

/** Bytes that are used on the disk of an environment that runs; undefined where it has none or it cannot be seen. */
export async function diskUsage(directory: EnvironmentDirectory, pid: number): Promise<number | undefined> {
  if ((await sizeOf(directory.disk)) === undefined) return undefined;
  const found = await statfs(`/proc/${pid}/root${homeDirectory}`).catch(() => undefined);
  return found === undefined ? undefined : (found.blocks - found.bfree) * found.bsize;
}

/** No file system has half a block. */
function wholeBlocks(size: number): number {
  return size - (size % 4096);
}

/** The size of the file system, from its superblock (ext4: disk layout, "The Super Block"); that of the file says less. */
async function sizeOf(file: string): Promise<number | undefined> {
  const handle = await open(file, "r").catch(() => undefined);
  if (handle === undefined) return undefined;
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(1024), 0, 1024, 1024);
    if (bytesRead < 1024 || buffer.readUInt16LE(0x38) !== 0xef53) return 0;
    const blocks = buffer.readUInt32LE(0x150) * 2 ** 32 + buffer.readUInt32LE(0x4);
    return blocks * 2 ** (10 + buffer.readUInt32LE(0x18));
  } finally {
    await handle.close();
  }
}

import { execFileSync } from "node:child_process";
import { readFileSync, realpathSync } from "node:fs";
import { dirname } from "node:path/posix";

/** What is put into an initramfs; everything belongs to root. */
export type InitramfsEntry =
  | { readonly path: string; readonly mode: number; readonly content: Buffer | string }
  | { readonly path: string; readonly mode: number; readonly directory: true }
  | { readonly path: string; readonly link: string }
  | { readonly path: string; readonly device: readonly [major: number, minor: number] };

const directory = 0o040000;
const file = 0o100000;
const link = 0o120000;
const characterDevice = 0o020000;

/** An archive in the format "newc" of cpio, with the directories above every entry (kernel: initramfs buffer format). */
export function packInitramfs(entries: readonly InitramfsEntry[]): Buffer {
  const pieces: Buffer[] = [];
  const made = new Set<string>([".", "/"]);
  const add = (path: string, mode: number, content: Buffer, device: readonly [number, number] = [0, 0]) => {
    const name = Buffer.from(`${path.slice(1)}\0`);
    const number = pieces.length + 1;
    const fields = [number, mode, 0, 0, 1, 0, content.length, 0, 0, ...device, name.length, 0];
    const header = `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`;
    const start = Buffer.concat([Buffer.from(header), name]);
    pieces.push(start, padding(start.length), content, padding(content.length));
  };
  const addAbove = (path: string) => {
    const above = dirname(path);
    if (made.has(above)) return;
    made.add(above);
    addAbove(above);
    add(above, directory | 0o755, Buffer.alloc(0));
  };
  for (const entry of entries) {
    addAbove(entry.path);
    if ("directory" in entry) {
      made.add(entry.path);
      add(entry.path, directory | entry.mode, Buffer.alloc(0));
    } else if ("link" in entry) add(entry.path, link | 0o777, Buffer.from(entry.link));
    else if ("device" in entry) add(entry.path, characterDevice | 0o600, Buffer.alloc(0), entry.device);
    else add(entry.path, file | entry.mode, Buffer.from(entry.content));
  }
  add("/TRAILER!!!", 0, Buffer.alloc(0));
  return Buffer.concat(pieces);
}

/** A program of this host and the libraries it needs, where the dynamic linker of a merged /usr finds them. */
export function programOfHost(source: string, target: string, mode = 0o755): InitramfsEntry[] {
  const needed = [...execFileSync("ldd", [source], { encoding: "utf8" }).matchAll(/(\/\S+) \(0x/g)];
  return [
    { path: target, mode, content: readFileSync(realpathSync(source)) },
    ...needed.map(([, path = ""]) => ({
      path: path.replace(/^\/(?:usr\/)?/, "/usr/"),
      mode: 0o755,
      content: readFileSync(realpathSync(path)),
    })),
  ];
}

function padding(length: number): Buffer {
  return Buffer.alloc(-length & 3);
}

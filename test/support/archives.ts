import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";

/** One tar entry, with every field open to lies. */
export interface TarEntry {
  readonly name: string;
  /** POSIX type flag; a file when absent. */
  readonly type?: string;
  readonly link?: string;
  readonly content?: string | Uint8Array;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  /** The size field as it stands, instead of the content's. */
  readonly size?: string | Uint8Array;
  /** pax records that come before the entry. */
  readonly pax?: Readonly<Record<string, string>>;
  readonly brokenChecksum?: boolean;
}

/** An uncompressed ustar archive. */
export function tarOf(entries: readonly TarEntry[], options: { readonly endMark?: boolean } = {}): Buffer {
  const end = options.endMark === false ? [] : [Buffer.alloc(1024)];
  return Buffer.concat([...entries.flatMap(blocksOf), ...end]);
}

/** One ar member; `size` lies about the length of `data`. */
export interface ArMember {
  readonly name: string;
  readonly data: Uint8Array;
  readonly size?: string;
  readonly magic?: string;
}

/** An ar archive as deb(5) wants it. */
export function arOf(members: readonly ArMember[], signature = "!<arch>\n"): Buffer {
  const blocks = members.map(({ name, data, size = String(data.length), magic = "`\n" }) =>
    Buffer.concat([
      Buffer.from(
        `${name.padEnd(16)}${"0".padEnd(12)}${"0".padEnd(6)}${"0".padEnd(6)}${"100644".padEnd(8)}${size.padEnd(10)}${magic}`,
        "latin1",
      ),
      data,
      Buffer.from(data.length % 2 === 1 ? "\n" : ""),
    ]),
  );
  return Buffer.concat([Buffer.from(signature, "latin1"), ...blocks]);
}

/** A control file with what dpkg insists on. */
export function controlOf(name: string, more = ""): string {
  return `Package: ${name}\nVersion: 1\nArchitecture: all\nMaintainer: Nobody <nobody@example.org>\n${more}Description: a test\n`;
}

/** A .deb of architecture `all` with the given content, gzip-compressed. */
export function debOf(
  name: string,
  entries: readonly TarEntry[],
  controlFiles: Readonly<Record<string, string>> = {},
): Buffer {
  const control = Object.entries({ control: controlOf(name), ...controlFiles });
  return arOf([
    { name: "debian-binary", data: Buffer.from("2.0\n") },
    {
      name: "control.tar.gz",
      data: gzipSync(tarOf(control.map(([file, content]) => ({ name: `./${file}`, content })))),
    },
    { name: "data.tar.gz", data: gzipSync(tarOf([{ name: "./", type: "5", mode: 0o755 }, ...entries])) },
  ]);
}

/** SHA-256, hexadecimal. */
export function sha256Of(data: Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

function blocksOf(entry: TarEntry): Buffer[] {
  const content = Buffer.from(entry.content ?? "");
  const size = entry.size ?? content.length.toString(8).padStart(11, "0");
  const blocks = [headerOf(entry, size), content, Buffer.alloc((512 - (content.length % 512)) % 512)];
  if (entry.pax === undefined) return blocks;
  const records = Buffer.concat(Object.entries(entry.pax).map(([key, value]) => paxRecord(key, value)));
  return [...blocksOf({ name: "pax", type: "x", content: records }), ...blocks];
}

function headerOf(entry: TarEntry, size: string | Uint8Array): Buffer {
  const header = Buffer.alloc(512);
  const octal = (value: number, width: number): string => value.toString(8).padStart(width - 1, "0");
  header.write(entry.name, 0, 100, "utf8");
  header.write(octal(entry.mode ?? (entry.type === "5" ? 0o755 : 0o644), 8), 100);
  header.write(octal(entry.uid ?? 0, 8), 108);
  header.write(octal(entry.gid ?? 0, 8), 116);
  header.set(Buffer.from(size), 124);
  header.write(octal(entry.mtime ?? 1_600_000_000, 12), 136);
  header.write(entry.type ?? "0", 156);
  header.write(entry.link ?? "", 157, 100, "utf8");
  header.write("ustar\x0000", 257, "latin1");
  header.fill(" ", 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0) + (entry.brokenChecksum === true ? 1 : 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return header;
}

/** The length counts its own digits. */
function paxRecord(key: string, value: string): Buffer {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + 1;
  while (String(length).length + rest !== length) length = rest + String(length).length;
  return Buffer.from(`${length} ${key}=${value}\n`);
}

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { extract } from "tar-stream";
import type { Platform } from "../../src/lock/index.ts";
import {
  openIndexes,
  type PackageIndex,
  type PackageRecord,
  packageUrls,
  resolveMirrors,
  solve,
} from "../../src/sources/debian/index.ts";
import { downloadBlobs, openStore, type Store } from "../../src/store/index.ts";
import { type TarEntry, tarOf } from "./archives.ts";

/** A file system of Debian bookworm like those in registries, made of the archive's packages without running any. */
export interface DebianLayers {
  /** Everything but the list of what is installed. */
  readonly files: Buffer;
  /** dpkg's list, in which some packages are older than they are. */
  readonly list: Buffer;
  /** Versions by name of those that are older. */
  readonly older: ReadonlyMap<string, string>;
}

/**
 * Makes the layers for each platform: whole for the first, for the others only what can be looked at without running
 * it. `older` names packages that pretend to be of a version before the archive's.
 */
export async function debianLayers(
  platforms: readonly Platform[],
  older: readonly string[],
): Promise<Map<Platform, DebianLayers>> {
  const root = await mkdtemp(join(tmpdir(), "devenv-debian-"));
  try {
    const store = await openStore(root);
    const architectures = platforms.map((platform) => platform.replace("linux/", ""));
    const indexes = await openIndexes("bookworm", architectures, { store, mirrors: resolveMirrors() });
    const made = new Map<Platform, DebianLayers>();
    for (const [number, platform] of platforms.entries()) {
      const index = indexes.get(architectures[number] ?? "");
      if (index === undefined) throw new Error(`no index for ${platform}`);
      made.set(platform, await layersOf(store, index, older, number === 0));
    }
    return made;
  } finally {
    await rm(root, { recursive: true });
  }
}

async function layersOf(
  store: Store,
  index: PackageIndex,
  older: readonly string[],
  isWhole: boolean,
): Promise<DebianLayers> {
  const names = [...index.essentials(), ...index.required()].map(({ name }) => name);
  const installed = solve(index, [...new Set([...names, "apt"])]);
  const unpacked = isWhole ? installed : installed.filter(({ name }) => name === "base-files");
  const items = unpacked.map((one) => ({
    name: one.name,
    sha256: one.sha256,
    size: one.size,
    urls: packageUrls(resolveMirrors(), one),
  }));
  await downloadBlobs(store, items);
  const entries = new Map<string, TarEntry>(skeleton().map((entry) => [entry.name, entry]));
  const control = new Map<string, string>();
  for (const one of unpacked) control.set(one.name, await unpack(store, one, entries));
  if (isWhole) for (const entry of configured(entries)) entries.set(entry.name, entry);
  const oldVersions = new Map(
    installed.flatMap(({ name, version }) =>
      older.includes(name) ? [[name, `${version}~old`] as const] : [],
    ),
  );
  const status = installed.map((one) => {
    const text = control.get(one.name) ?? stanzaOf(one);
    const old = oldVersions.get(one.name);
    const aged = old === undefined ? text : text.replace(/^Version: .*$/m, `Version: ${old}`);
    return aged.replace("\n", "\nStatus: install ok installed\n");
  });
  const list: TarEntry[] = [{ name: "var/lib/dpkg/status", content: status.join("\n") }];
  return { files: tarOf([...entries.values()]), list: tarOf(list), older: oldVersions };
}

/** What is there before any package is. */
function skeleton(): TarEntry[] {
  const links = ["bin", "sbin", "lib", "lib64"].map(
    (name): TarEntry => ({ name, type: "2", link: `usr/${name}` }),
  );
  const directories = [
    "usr",
    "usr/bin",
    "usr/sbin",
    "usr/lib",
    "usr/lib64",
    "var",
    "var/lib",
    "var/lib/dpkg",
  ];
  return [
    ...links,
    ...[...directories, "var/lib/dpkg/info", "root"].map((name): TarEntry => ({ name, type: "5" })),
    { name: "var/lib/dpkg/info/format", content: "1\n" },
  ];
}

/** What images of Debian leave out. */
const excluded = /^usr\/share\/(doc|info|lintian|locale|man|zoneinfo)\//;

/** Adds the files of a package and what dpkg remembers of it; returns its control file. */
async function unpack(store: Store, one: PackageRecord, entries: Map<string, TarEntry>): Promise<string> {
  const file = store.blobPath(one.sha256);
  const paths: string[] = [];
  for (const entry of await entriesOf("--fsys-tarfile", file)) {
    const path = entry.name.replace(/\/$/, "");
    paths.push(path === "" ? "/." : `/${path}`);
    const name = merged(path);
    if (name === "" || excluded.test(`${name}/`)) continue;
    if (entry.type === "5" && entries.has(name)) continue;
    entries.set(name, { ...entry, name, ...(entry.type === "1" ? { link: merged(entry.link ?? "") } : {}) });
  }
  const info = `var/lib/dpkg/info/${one.name}${one.multiArch === "same" ? `:${one.architecture}` : ""}`;
  entries.set(`${info}.list`, { name: `${info}.list`, content: `${paths.join("\n")}\n` });
  let control = "";
  for (const { content = "", mode = 0o644, name, type } of await entriesOf("--ctrl-tarfile", file)) {
    if (type === "5") continue;
    if (name === "control") control = content.toString();
    else entries.set(`${info}.${name}`, { name: `${info}.${name}`, content, mode });
  }
  return control;
}

/** Paths as they are where `/bin` is a link to `/usr/bin`. */
function merged(path: string): string {
  return path.replace(/^(bin|sbin|lib|lib64)\//, "usr/$1/");
}

async function entriesOf(option: string, file: string): Promise<TarEntry[]> {
  const child = spawn("dpkg-deb", [option, file], { stdio: ["ignore", "pipe", "inherit"] });
  const archive = extract();
  child.stdout.pipe(archive as unknown as NodeJS.WritableStream);
  const entries: TarEntry[] = [];
  const ended = once(child, "close");
  for await (const stream of archive) {
    const { header } = stream;
    const chunks: Uint8Array[] = [];
    for await (const chunk of stream as AsyncIterable<Uint8Array>) chunks.push(chunk);
    const type = { file: "0", link: "1", symlink: "2", directory: "5" }[String(header.type)];
    if (type === undefined) throw new Error(`${file}: ${header.name} is ${header.type}`);
    const { mode, uid, gid } = header;
    const link = header.linkname?.replace(/^\.\//, type === "1" ? "" : "./");
    entries.push({
      name: header.name.replace(/^\.\//, "").replace(/^\.$/, ""),
      type,
      mode,
      uid,
      gid,
      mtime: Math.floor(header.mtime.getTime() / 1000),
      content: Buffer.concat(chunks),
      ...(link === undefined ? {} : { link }),
    });
  }
  const [code] = (await ended) as [number | null];
  if (code !== 0) throw new Error(`dpkg-deb ${option} ${file} failed`);
  return entries;
}

/** What the scripts of the packages would have made, as far as others need it, and what Debian's images add. */
function configured(entries: ReadonlyMap<string, TarEntry>): TarEntry[] {
  const master = (name: string) => entries.get(`usr/share/base-passwd/${name}.master`)?.content ?? "";
  return [
    { name: "etc/passwd", content: master("passwd") },
    { name: "etc/group", content: master("group") },
    { name: "etc/shadow", content: "root:*:19000:0:99999:7:::\n", mode: 0o640, gid: 42 },
    { name: "usr/bin/awk", type: "2", link: "mawk" },
    { name: "var/run", type: "2", link: "/run" },
    { name: "var/lib/dpkg/available", content: "" },
    {
      name: "etc/dpkg/dpkg.cfg.d/docker",
      content: "path-exclude /usr/share/doc/*\npath-exclude /usr/share/man/*\n",
    },
    { name: "usr/sbin/policy-rc.d", content: "#!/bin/sh\nexit 101\n", mode: 0o755 },
  ];
}

function stanzaOf(one: PackageRecord): string {
  const fields = {
    Package: one.name,
    Version: one.version,
    Architecture: one.architecture,
    ...(one.multiArch === undefined ? {} : { "Multi-Arch": one.multiArch }),
    ...(one.essential ? { Essential: "yes" } : {}),
    Priority: one.priority,
    "Pre-Depends": one.preDepends,
    Depends: one.depends,
    Conflicts: one.conflicts,
    Breaks: one.breaks,
    Provides: one.provides,
  };
  const lines = Object.entries(fields).filter(([, value]) => value !== "");
  return lines.map(([key, value]) => `${key}: ${value}\n`).join("");
}

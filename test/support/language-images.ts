import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Blob, blobOf, imageOf, manifestOf, types } from "../sources/registry/content.ts";
import type { DockerRegistry } from "../sources/registry/docker-registry.ts";
import { tarOf } from "./archives.ts";
import { type Ground, platform as hostPlatform, type Project } from "./ground.ts";
import { pushImages } from "./push-image.ts";
import { busybox } from "./tools-image.ts";

/** A toolchain laid out as the language's official image has it. */
interface Toolchain {
  /** Of the repository in `library/`. */
  readonly name: string;
  /** With its `{version}`. */
  readonly tag: string;
  /** Directory below the maker's `images/`. */
  readonly tree: string;
  /** Links that stand in a layer of their own, path to target. */
  readonly links?: Readonly<Record<string, string>>;
}

/**
 * Lays real toolchains, those of Debian and of the registries, out as the languages' official images have them, below
 * the project's `images/`; /opt and /usr/local are where the official ones stand.
 */
const layOut = `set -e
rm -rf images
mkdir images
cd images

python=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
mkdir -p python/usr/local/bin python/usr/local/lib/python3 python/usr/local/share
cp /usr/bin/python$python python/usr/local/bin/
cp -rL /usr/lib/python$python python/usr/local/lib/
rm -f python/usr/local/lib/python$python/EXTERNALLY-MANAGED
cp -r /usr/lib/python3/dist-packages python/usr/local/lib/python3/
cp -rL /usr/share/python-wheels python/usr/local/share/
sed -i 's,/usr/share/python-wheels,/usr/local/share/python-wheels,' python/usr/local/lib/python$python/_sysconfigdata_*.py

mkdir -p node/usr/local go/usr/local
cp -r /usr/local/bin /usr/local/include /usr/local/lib node/usr/local/
cp -r /usr/local/go go/usr/local/

rust=$(rustc --version | cut -d' ' -f2)
triple=$(rustc -vV | sed -n 's/^host: //p')
out=rust/usr/local/rustup/toolchains/$rust-$triple
mkdir -p $out/bin $out/lib/rustlib/$triple
cp /usr/bin/rustc /usr/bin/cargo $out/bin/
for library in /usr/lib/*-linux-gnu/librustc_driver-*.so /usr/lib/*-linux-gnu/libstd-*.so; do
  if [ -e "$library" ]; then cp "$library" $out/lib/; fi
done
cp -rL /usr/lib/rustlib/$triple/lib $out/lib/rustlib/$triple/

java=$(dirname $(dirname $(readlink -f /usr/bin/javac)))
mkdir -p java/opt/java
# A link to the sources leads nowhere.
cp -rL $java java/opt/java/openjdk || test -x java/opt/java/openjdk/bin/javac

python3 --version | cut -d' ' -f2
node --version | tr -d v
go version | cut -d' ' -f3 | tr -d a-z
echo $rust
java -version 2>&1 | sed -n 's/.*(build \\([^-,)]*\\).*/\\1/p' | head -n 1
`;

/**
 * Pushes images like the official ones of python, node, golang, rust and eclipse-temurin for bookworm, for this host's
 * platform, to a registry that stands in for theirs; resolves to their versions, as their programs say them. The one of
 * rust is also there as one for bullseye, where it cannot run, with the version `elsewhere`.
 */
export async function pushLanguageImages(ground: Ground, registry: DockerRegistry, elsewhere: string) {
  const maker = ground.project({
    name: "maker",
    languages: { node: { version: "18.20", source: "npm" }, go: { version: "1.22", source: "goproxy" } },
    // Debian's compiler for browsers is newer than the other one, and knows today's registry of crates.
    packages: ["python3-venv", "python3-pip", "rustc-web", "cargo-web", "openjdk-17-jdk-headless"],
  });
  const [python = "", node = "", go = "", rust = "", java = ""] = await make(maker, layOut);
  const minor = python.replace(/\.\d+$/, "");
  const links = { "usr/local/bin/python": "python3", "usr/local/bin/python3": `python${minor}` };
  await push(registry, maker, { name: "python", tag: `${python}-slim-bookworm`, tree: "python", links });
  await push(registry, maker, { name: "node", tag: `${node}-bookworm-slim`, tree: "node" });
  await push(registry, maker, { name: "golang", tag: `${go}-bookworm`, tree: "go" });
  await push(registry, maker, { name: "rust", tag: `${rust}-slim-bookworm`, tree: "rust" });
  const toolchains = "images/rust/usr/local/rustup/toolchains";
  await maker.inside(`cd ${toolchains} && mv ${rust}-* "$(echo ${rust}-* | sed s/${rust}/${elsewhere}/)"`);
  await push(registry, maker, { name: "rust", tag: `${elsewhere}-slim-bullseye`, tree: "rust" });
  await push(registry, maker, {
    name: "eclipse-temurin",
    tag: `${java.replace("+", "_")}-jdk-jammy`,
    tree: "java",
  });
  return { python, node, go, rust, java };
}

/** Pushes images to stand on: one of Debian as `acme/debian:12`, and what Alpine has without its packages as `acme/alpine:3.20`. */
export async function pushBases(ground: Ground, registry: DockerRegistry): Promise<void> {
  const plain = ground.project({ name: "plain" });
  const { code, err } = await plain.run(["push", `${registry.name}/acme/debian:12`]);
  if (code !== 0) throw new Error(err);
  const root = tarOf([
    ...busybox,
    { name: "etc/", type: "5", mode: 0o755 },
    { name: "etc/os-release", content: "ID=alpine\nVERSION_ID=3.20.3\n" },
    { name: "etc/passwd", content: "root:x:0:0::/root:/bin/sh\n" },
    { name: "lib/", type: "5", mode: 0o755 },
    { name: "lib/ld-musl-x86_64.so.1", content: "the loader", mode: 0o755 },
    { name: "tmp/", type: "5", mode: 0o1777 },
  ]);
  const image = imageOf(hostPlatform, [root], { config: { Env: ["PATH=/usr/bin:/bin"] } });
  await pushImages(registry, "acme/alpine:3.20", new Map([[hostPlatform, image]]));
}

async function make(maker: Project, script: string): Promise<string[]> {
  const up = await maker.run(["up"]);
  if (up.code !== 0) throw new Error(up.err);
  const { code, out, err } = await maker.inside(script);
  if (code !== 0) throw new Error(err);
  return out.trim().split("\n");
}

/** The official images' layers: the distribution's, the toolchain, and links that come last. */
async function push(
  registry: DockerRegistry,
  maker: Project,
  { links = {}, name, tag, tree }: Toolchain,
): Promise<void> {
  const distribution = tarOf([
    { name: "etc/", type: "5", mode: 0o755 },
    { name: "etc/os-release", content: "ID=debian\nVERSION_ID=12\nVERSION_CODENAME=bookworm\n" },
    { name: "usr/", type: "5", mode: 0o755 },
    { name: "usr/local/", type: "5", mode: 0o755 },
    { name: "usr/local/man", type: "2", link: "share/man" },
    { name: "usr/local/removed", content: "what an upper layer removes" },
  ]);
  const top = tarOf([
    ...Object.entries(links).map(([path, link]) => ({ name: path, type: "2", link })),
    { name: "usr/local/.wh.removed" },
    { name: "usr/bin/unrelated", content: "no part of the toolchain" },
  ]);
  const directory = mkdtempSync(join(tmpdir(), "devenv-language-"));
  const archive = join(directory, "layer.tar");
  execFileSync("tar", [
    "-C",
    join(maker.root, "images", tree),
    "--sort=name",
    "--owner=0",
    "--group=0",
    "--numeric-owner",
    "-cf",
    archive,
    ".",
  ]);
  execFileSync("gzip", ["-1", "-n", "-k", archive]);
  const diffID = `sha256:${createHash("sha256").update(readFileSync(archive)).digest("hex")}`;
  const plain = [distribution, top].map((layer) => blobOf(layer, types.layer));
  const toolchain = blobOf(readFileSync(`${archive}.gz`), `${types.layer}+gzip`);
  const [lower, upper] = plain;
  if (lower === undefined || upper === undefined) throw new Error("two layers are plain");
  const layers: Blob[] = [lower, toolchain, upper];
  const diffIDs = [lower.descriptor.digest, diffID, upper.descriptor.digest];
  const [os, architecture] = hostPlatform.split("/");
  const config = blobOf(
    { os, architecture, config: {}, rootfs: { type: "layers", diff_ids: diffIDs } },
    types.config,
  );
  const image = { config, layers, manifest: manifestOf(config, layers) };
  await pushImages(registry, `library/${name}:${tag}`, new Map([[hostPlatform, image]]));
  rmSync(directory, { recursive: true });
}

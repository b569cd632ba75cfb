import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Blob,
  blobOf,
  entryOf,
  indexOf,
  manifestOf,
  types,
  writeLayout,
} from "../sources/registry/content.ts";
import { type DockerRegistry, skopeoCopy } from "../sources/registry/docker-registry.ts";
import { tarOf } from "./archives.ts";
import type { Ground } from "./ground.ts";

/** The versions of what {@link pushLanguageImages} makes images of, as their programs say them. */
export interface ToolchainVersions {
  readonly python: string;
  readonly node: string;
  readonly go: string;
  readonly rust: string;
  readonly java: string;
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
sed -i 's,/usr/share/python-wheels,/usr/local/share/python-wheels,' python/usr/local/lib/python$python/ensurepip/__init__.py

mkdir -p node/usr/local go/usr/local
cp -r /usr/local/bin /usr/local/include /usr/local/lib node/usr/local/
cp -r /usr/local/go go/usr/local/

rust=$(rustc --version | cut -d' ' -f2)
triple=$(rustc -vV | sed -n 's/^host: //p')
out=rust/usr/local/rustup/toolchains/$rust-$triple
mkdir -p $out/bin $out/lib/rustlib/$triple
cp /usr/bin/rustc /usr/bin/cargo $out/bin/
cp /usr/lib/*-linux-gnu/librustc_driver-*.so /usr/lib/*-linux-gnu/libstd-*.so $out/lib/
cp -rL /usr/lib/rustlib/$triple/lib $out/lib/rustlib/$triple/

java=$(dirname $(dirname $(readlink -f /usr/bin/javac)))
mkdir -p java/opt/java
cp -rL $java java/opt/java/openjdk

python3 --version | cut -d' ' -f2
node --version | tr -d v
go version | cut -d' ' -f3 | tr -d a-z
echo $rust
java -version 2>&1 | sed -n 's/.*(build \\([^-,)]*\\).*/\\1/p' | head -n 1
`;

/** What a base needs for {@link layOut}. */
const makerWish = {
  name: "maker",
  languages: { node: { version: "18.20", source: "npm" }, go: { version: "1.22", source: "goproxy" } },
  packages: ["python3-venv", "python3-pip", "rustc", "cargo", "openjdk-17-jdk-headless"],
} as const;

/**
 * Pushes images like the official ones of python, node, golang, rust and eclipse-temurin, for this host's platform, to
 * a registry that stands in for theirs.
 */
export async function pushLanguageImages(
  ground: Ground,
  registry: DockerRegistry,
): Promise<ToolchainVersions> {
  const maker = ground.project(makerWish);
  const up = await maker.run(["up"]);
  if (up.code !== 0) throw new Error(up.err);
  const { code, out, err } = await maker.inside(layOut);
  if (code !== 0) throw new Error(err);
  const [python = "", node = "", go = "", rust = "", java = ""] = out.trim().split("\n");
  const versions = { python, node, go, rust, java };
  const images: readonly [name: string, tree: string, top: readonly [string, string][]][] = [
    [
      `python:${python}-slim-bookworm`,
      "python",
      [
        ["usr/local/bin/python", `python3`],
        ["usr/local/bin/python3", `python${python.replace(/\.\d+$/, "")}`],
      ],
    ],
    [`node:${node}-bookworm-slim`, "node", []],
    [`golang:${go}-bookworm`, "go", []],
    [`rust:${rust}-slim-bookworm`, "rust", []],
    [`eclipse-temurin:${java.replace("+", "_")}-jdk-jammy`, "java", []],
  ];
  for (const [name, tree, links] of images)
    await push(registry, `library/${name}`, join(maker.root, "images", tree), links);
  return versions;
}

/** The official images' layers: the distribution's, the toolchain, and links that come last. */
async function push(
  registry: DockerRegistry,
  name: string,
  tree: string,
  links: readonly (readonly [string, string])[],
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
    ...links.map(([path, link]) => ({ name: path, type: "2", link })),
    { name: "usr/local/.wh.removed" },
    { name: "usr/bin/unrelated", content: "no part of the toolchain" },
  ]);
  const directory = mkdtempSync(join(tmpdir(), "devenv-language-"));
  const archive = join(directory, "layer.tar");
  execFileSync("tar", [
    "-C",
    tree,
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
  const architecture = { x64: "amd64" }[process.arch as string] ?? process.arch;
  const config = blobOf(
    { os: "linux", architecture, config: {}, rootfs: { type: "layers", diff_ids: diffIDs } },
    types.config,
  );
  const manifest = manifestOf(config, layers);
  mkdirSync(join(directory, "layout"));
  writeLayout(join(directory, "layout"), indexOf([entryOf(manifest, `linux/${architecture}`)]), [
    manifest,
    config,
    ...layers,
  ]);
  await skopeoCopy(`oci:${join(directory, "layout")}:latest`, `docker://${registry.name}/${name}`, [
    "--all",
    "--preserve-digests",
  ]);
  rmSync(directory, { recursive: true });
}

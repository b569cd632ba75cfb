import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { resolveMirrors } from "../../src/sources/debian/index.ts";
import { type Bench, projectOf, settle, suite, withProgram } from "./bench.ts";
import { type Comparison, command, type OpenComparisons, type Side } from "./measure.ts";

const toolchain = ["build-essential", "git", "python3", "libpq-dev"];

/** What a project of several languages asks for. */
const forty = [
  ...["autoconf", "automake", "bison", "build-essential", "ccache", "clang", "cmake", "curl", "flex", "gdb"],
  ...["git", "golang", "graphviz", "imagemagick", "jq", "libboost-dev", "libcurl4-openssl-dev", "libffi-dev"],
  ...[
    "libpq-dev",
    "libsqlite3-dev",
    "libssl-dev",
    "libtool",
    "libxml2-dev",
    "make",
    "maven",
    "meson",
    "nodejs",
  ],
  ...[
    "npm",
    "openjdk-17-jdk",
    "php-cli",
    "pkg-config",
    "postgresql",
    "python3",
    "python3-pip",
    "python3-venv",
  ],
  ...["redis-server", "ruby", "rustc", "sqlite3", "zlib1g-dev"],
];

/** Environments and locks, the slow ones last. What the quick ones need in `store` is built here. */
export function openComparisons(bench: Bench, store: string): OpenComparisons {
  const { program } = bench;
  const project = projectOf(bench, "warm", { packages: [] });
  const large = projectOf(bench, "large", { packages: forty, platforms: ["linux/amd64", "linux/arm64"] });
  const devenv = (cwd: string, ...words: string[]): void =>
    command([program, ...words], { cwd, env: { DEVENV_STORE: store } });
  const node: Side = { name: "node -e 0", run: () => command([process.execPath, "-e", "0"]) };
  const sandboxed: Side | string = withProgram("bubblewrap", "bwrap", {
    name: "bwrap --unshare-all true",
    run: () =>
      command(["bwrap", "--unshare-all", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "true"]),
  });
  devenv(project, "up");
  devenv(large, "lock");
  const comparisons: Comparison[] = [
    {
      measure: "up, nothing to do",
      rounds: 20,
      ours: { name: "devenv up", run: () => devenv(project, "up") },
      peer: node,
    },
    {
      measure: "a command in a running environment",
      rounds: 20,
      ours: { name: "devenv exec -- true", run: () => devenv(project, "exec", "--", "true") },
      peer: sandboxed,
    },
    {
      measure: "a command in a stopped environment",
      rounds: 10,
      ours: {
        name: "devenv exec -- true",
        prepare: () => devenv(project, "down"),
        run: () => devenv(project, "exec", "--", "true"),
      },
      peer: sandboxed,
    },
    {
      measure: "resolve 40 packages for two platforms, indexes at hand",
      rounds: 10,
      ours: {
        name: "devenv lock",
        prepare: () => rmSync(join(large, "devenv.lock")),
        run: () => devenv(large, "lock"),
      },
      peer: withProgram("apt", "apt-get", {
        name: "apt-get --print-uris install, one platform",
        run: () =>
          command([...aptOfNothing(bench), "--print-uris", "install", "--no-install-recommends", ...forty]),
      }),
    },
    bootstrap(bench, "a base, nothing at hand", [], 0.5),
    bootstrap(bench, `a base with ${toolchain.join(", ")}, nothing at hand`, toolchain),
  ];
  return { comparisons, close: () => devenv(project, "down") };
}

function bootstrap(bench: Bench, measure: string, packages: readonly string[], aim?: number): Comparison {
  const project = projectOf(bench, `cold-${packages.length}`, { packages });
  const store = join(bench.directory, "cold");
  const target = join(bench.directory, "mmdebstrap");
  const devenv = (...words: string[]): void =>
    command([bench.program, ...words], { cwd: project, env: { DEVENV_STORE: store } });
  return {
    measure,
    ...(aim === undefined ? {} : { aim }),
    rounds: 3,
    ours: {
      name: "devenv up",
      prepare: settle,
      run: () => devenv("up"),
      clean: async () => {
        devenv("rm", "-y");
        await bench.emptyStore(store);
        rmSync(join(project, "devenv.lock"));
      },
    },
    peer: withProgram("mmdebstrap", "mmdebstrap", {
      name: "mmdebstrap --variant=minbase",
      prepare: settle,
      run: () => {
        const include = packages.length === 0 ? [] : [`--include=${packages.join(",")}`];
        command(["mmdebstrap", "--quiet", "--variant=minbase", ...include, suite, target, ...sources()]);
      },
      clean: () => command(["rm", "-rf", target]),
    }),
  };
}

/** apt with its own caches, as if nothing were installed: what this host has is another question. */
function aptOfNothing(bench: Bench): string[] {
  const place = (name: string): string => join(bench.directory, name);
  writeFileSync(place("apt-status"), "", { flag: "a" });
  const options = [
    `Dir::State::status=${place("apt-status")}`,
    `Dir::Cache::pkgcache=${place("apt-pkgcache")}`,
    `Dir::Cache::srcpkgcache=${place("apt-srcpkgcache")}`,
  ];
  return ["apt-get", ...options.flatMap((option) => ["-o", option])];
}

/** The same archives that devenv takes its packages from, as lines of a sources.list. */
function sources(): string[] {
  const { debian, "debian-security": security } = resolveMirrors();
  const keyring = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]";
  return [
    `deb ${keyring} ${debian[0]} ${suite} main`,
    `deb ${keyring} ${debian[0]} ${suite}-updates main`,
    `deb ${keyring} ${security[0]} ${suite}-security main`,
  ];
}

import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { resolveMirrors } from "../../src/sources/debian/index.ts";
import { type Bench, devenv, projectOf, settle, suite, withProgram } from "./bench.ts";
import { type Comparison, command, type OpenComparisons } from "./measure.ts";

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

export const buildMeasures = {
  lock: "resolve 40 packages for two platforms, indexes at hand",
  base: "a base, nothing at hand",
  toolchain: `a base with ${toolchain.join(", ")}, nothing at hand`,
};

/** Locks and bases, the slow ones last. */
export function openBuildComparisons(bench: Bench): OpenComparisons {
  const large = projectOf(bench, "large", { packages: forty, platforms: ["linux/amd64", "linux/arm64"] });
  devenv(bench, large, "lock");
  const comparisons: Comparison[] = [
    {
      measure: buildMeasures.lock,
      rounds: 10,
      ours: {
        name: "devenv lock",
        prepare: () => rmSync(join(large, "devenv.lock")),
        run: () => devenv(bench, large, "lock"),
      },
      peers: [
        {
          side: withProgram("apt", "apt-get", {
            name: "apt-get --print-uris install, one platform",
            run: () =>
              command([
                ...aptOfNothing(bench),
                "--print-uris",
                "install",
                "--no-install-recommends",
                ...forty,
              ]),
          }),
        },
      ],
    },
    bootstrap(bench, buildMeasures.base, [], 0.5),
    bootstrap(bench, buildMeasures.toolchain, toolchain),
  ];
  return { comparisons };
}

function bootstrap(bench: Bench, measure: string, packages: readonly string[], aim?: number): Comparison {
  const project = projectOf(bench, `cold-${packages.length}`, { packages });
  const cold = { ...bench, store: join(bench.directory, "cold") };
  const target = join(bench.directory, "mmdebstrap");
  const mmdebstrap = withProgram("mmdebstrap", "mmdebstrap", {
    name: "mmdebstrap --variant=minbase",
    prepare: settle,
    run: () => {
      const include = packages.length === 0 ? [] : [`--include=${packages.join(",")}`];
      command(["mmdebstrap", "--quiet", "--variant=minbase", ...include, suite, target, ...sources()]);
    },
    clean: () => command(["rm", "-rf", target]),
  });
  return {
    measure,
    rounds: 3,
    ours: {
      name: "devenv up",
      prepare: settle,
      run: () => devenv(cold, project, "up"),
      clean: async () => {
        devenv(cold, project, "rm", "-y");
        await bench.emptyStore(cold.store);
        rmSync(join(project, "devenv.lock"));
      },
    },
    peers: [{ side: mmdebstrap, ...(aim === undefined ? {} : { aim }) }],
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

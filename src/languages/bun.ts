import type { Language } from "./language.ts";

/** https://github.com/oven-sh/bun/tree/main/dockerhub */
export const bun: Language = {
  name: "bun",
  ranges: "npm",
  words: { stable: "newest" },
  refused: { canary: "canary builds are in none of the sources" },
  check: ["bun", "--version"],
  path: ["/home/dev/.bun/bin"],
  inLayers: { BUN_INSTALL_BIN: "/usr/local/bin", BUN_INSTALL_GLOBAL_DIR: "/usr/local/share/bun" },
  packages: { debian: ["ca-certificates"] },
  image: {
    repository: "oven/bun",
    tags: ["{version}-slim", "{version}-debian", "{version}-alpine"],
    version: /\d+\.\d+\.\d+/,
    runsOn: "newer",
    maps: [{ from: "usr/local/bin/bun", to: "/usr/local/bin/bun" }],
    links: { "/usr/local/bin/bunx": "bun" },
  },
  npm: {
    // Not every x86-64 processor can run the build without `baseline`; the image has this one, too.
    packages: {
      amd64: "@oven/bun-linux-x64-baseline",
      arm64: "@oven/bun-linux-aarch64",
      "amd64-musl": "@oven/bun-linux-x64-musl-baseline",
      "arm64-musl": "@oven/bun-linux-aarch64-musl",
    },
    maps: [{ from: "package/bin/bun", to: "/usr/local/bin/bun" }],
    links: { "/usr/local/bin/bunx": "bun" },
    executables: ["/usr/local/bin/bun"],
  },
};

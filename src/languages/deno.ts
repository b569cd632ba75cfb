import type { Language } from "./language.ts";

/** https://github.com/denoland/deno_docker, of which the variant `bin` has the program and nothing else. */
export const deno: Language = {
  name: "deno",
  ranges: "npm",
  words: { stable: "newest" },
  refused: {
    canary: "canary builds are in none of the sources",
    lts: "long-term support of Deno ended in April 2026; write the line, as in 2.5",
  },
  check: ["deno", "--version"],
  path: ["/home/dev/.deno/bin"],
  inLayers: { DENO_INSTALL_ROOT: "/usr/local" },
  packages: { debian: ["ca-certificates"] },
  image: {
    repository: "denoland/deno",
    tags: ["bin-{version}"],
    version: /\d+\.\d+\.\d+/,
    runsOn: "newer",
    maps: [{ from: "deno", to: "/usr/local/bin/deno" }],
  },
  npm: {
    packages: { amd64: "@deno/linux-x64-glibc", arm64: "@deno/linux-arm64-glibc" },
    maps: [{ from: "package/deno", to: "/usr/local/bin/deno" }],
    executables: ["/usr/local/bin/deno"],
  },
};

import type { Language } from "./language.ts";

/** https://github.com/rust-lang/docker-rust; the toolchain stands there without rustup, which would install others. */
export const rust: Language = {
  name: "rust",
  ranges: "rust",
  words: { stable: "newest" },
  refused: {
    beta: "beta releases are in none of the sources",
    nightly: "nightly builds are in none of the sources",
  },
  check: ["rustc", "--version"],
  path: ["/home/dev/.cargo/bin"],
  inLayers: { CARGO_INSTALL_ROOT: "/usr/local" },
  // Without a linker and a C library to link with, nothing compiles.
  packages: { debian: ["ca-certificates", "gcc", "libc6-dev"] },
  distribution: { debian: { package: "rustc", packages: ["rustc", "cargo"] } },
  image: {
    repository: "rust",
    tags: ["{version}-slim-{codename}", "{version}-{codename}", "{version}-alpine{alpine}"],
    version: /\d+\.\d+\.\d+/,
    runsOn: "newer",
    maps: [{ from: "usr/local/rustup/toolchains/{version}-{triple}", to: "/usr/local" }],
  },
};

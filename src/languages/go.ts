import type { Language } from "./language.ts";

/** https://github.com/docker-library/golang; https://go.dev/doc/toolchain for the module. */
export const go: Language = {
  name: "go",
  ranges: "go",
  words: { stable: "newest" },
  refused: { tip: "builds of the development tree are in none of the sources" },
  check: ["go", "version"],
  path: ["/home/dev/go/bin"],
  // A toolchain that fetches another one of itself would not be the locked one.
  variables: { GOPATH: "/home/dev/go", GOTOOLCHAIN: "local" },
  inLayers: { GOBIN: "/usr/local/bin" },
  packages: { debian: ["ca-certificates"] },
  // Programs for the tests of packages that read programs.
  optional: ["**/testdata/**"],
  distribution: {
    debian: {
      package: { word: "golang-1", name: /^golang-(1\.\d+)-go$/ },
      packages: ["golang-{1}-go"],
      path: ["/usr/lib/go-{1}/bin"],
    },
  },
  image: {
    repository: "golang",
    tags: ["{version}-{codename}", "{version}-alpine{alpine}", "{version}-alpine"],
    // Until 1.20 the first release of a line has two numbers only, and so has the tag that moves along the line.
    version: /\d+\.\d+\.\d+|\d+\.\d+(?:rc|beta)\d+/,
    runsOn: "newer",
    maps: [{ from: "usr/local/go", to: "/usr/local/go" }],
    path: ["/usr/local/go/bin"],
  },
  goproxy: {
    module: "golang.org/toolchain",
    version: "v0.0.1-go{version}.linux-{architecture}",
    maps: [{ from: "golang.org/toolchain@v0.0.1-go{version}.linux-{architecture}", to: "/usr/local/go" }],
    // What the go command itself makes executable of such a module.
    executables: ["/usr/local/go/bin/*", "/usr/local/go/pkg/tool/*/*"],
    path: ["/usr/local/go/bin"],
  },
};

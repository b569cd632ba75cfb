import type { Language } from "./language.ts";

const gems = "/home/dev/.local/share/gem";

/** https://github.com/docker-library/ruby */
export const ruby: Language = {
  name: "ruby",
  ranges: "ruby",
  words: { stable: "newest" },
  check: ["ruby", "--version"],
  path: [`${gems}/bin`],
  variables: { GEM_HOME: gems },
  packages: { debian: ["ca-certificates"] },
  distribution: {
    debian: {
      package: { word: "ruby", name: /^ruby(\d+\.\d+)$/ },
      packages: ["ruby{1}", "ruby", "ruby-dev", "bundler"],
    },
  },
  image: {
    repository: "ruby",
    tags: ["{version}-slim-{codename}", "{version}-{codename}", "{version}-alpine{alpine}"],
    version: /\d+\.\d+\.\d+(?:-(?:preview|rc)\d+)?/,
    runsOn: "own",
    maps: [{ from: "usr/local", to: "/usr/local" }],
  },
};

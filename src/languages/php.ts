import type { Language } from "./language.ts";

/** https://github.com/docker-library/php, of which the variant `cli` runs programs. */
export const php: Language = {
  name: "php",
  ranges: "composer",
  words: { stable: "newest" },
  check: ["php", "--version"],
  path: ["/home/dev/.config/composer/vendor/bin"],
  inLayers: {
    COMPOSER_HOME: "/usr/local/share/composer",
    COMPOSER_BIN_DIR: "/usr/local/bin",
    COMPOSER_CACHE_DIR: "/tmp/composer",
    COMPOSER_ALLOW_SUPERUSER: "1",
  },
  packages: { debian: ["ca-certificates"] },
  distribution: {
    debian: {
      package: { word: "-cli", name: /^php(\d+\.\d+)-cli$/ },
      // The extensions that are part of the image's program.
      packages: ["php{1}-cli", "php{1}-curl", "php{1}-mbstring", "php{1}-sqlite3", "php{1}-xml"],
    },
  },
  image: {
    repository: "php",
    tags: ["{version}-cli-{codename}", "{version}-cli-alpine{alpine}"],
    version: /\d+\.\d+\.\d+(?:(?:alpha|beta|RC)\d+)?/,
    runsOn: "own",
    maps: [{ from: "usr/local", to: "/usr/local" }],
  },
};

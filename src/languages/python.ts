import type { Language } from "./language.ts";

/** https://github.com/docker-library/python; pip installs for the user by itself when the root is read-only. */
export const python: Language = {
  name: "python",
  ranges: "python",
  words: { stable: "newest" },
  check: ["python3", "--version"],
  path: ["/home/dev/.local/bin"],
  packages: { debian: ["ca-certificates", "netbase", "tzdata"] },
  // Tk is for desktops; its libraries would bring those of X.
  optional: ["**/lib-dynload/_tkinter*.so"],
  distribution: {
    debian: {
      package: { word: "python3.", name: /^python(3\.\d+)$/ },
      // The image has the headers and the name `python`, too.
      packages: ["python{1}", "python3", "python3-dev", "python3-pip", "python3-venv", "python-is-python3"],
      // Debian's pip refuses to install anything without; for a user it does so in the home directory.
      variables: { PIP_BREAK_SYSTEM_PACKAGES: "1" },
    },
  },
  image: {
    repository: "python",
    tags: ["{version}-slim-{codename}", "{version}-{codename}", "{version}-alpine{alpine}"],
    version: /\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?/,
    runsOn: "own",
    maps: [{ from: "usr/local", to: "/usr/local" }],
  },
};

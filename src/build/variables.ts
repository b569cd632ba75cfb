import type { LockedToolchain } from "../lock/index.ts";

type Variables = Readonly<Record<string, string>>;

const ownVariables = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  LANG: "C.UTF-8",
};

/** The environment variables of an image: those of the base, and those of its toolchains, whose programs come first. */
export function imageVariables(ofBase: Variables, toolchains: readonly LockedToolchain[]): Variables {
  const all = { ...ownVariables, ...ofBase };
  const directories = [...toolchains.flatMap(({ path }) => path), ...all.PATH.split(":")];
  const ofToolchains = Object.assign({}, ...toolchains.map(({ variables }) => variables)) as Variables;
  return { ...all, ...ofToolchains, PATH: [...new Set(directories)].join(":") };
}

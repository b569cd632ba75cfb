import type { LockedToolchain } from "../../lock/index.ts";
import { expand, lockedToolchain, placementOf } from "../../resolve/index.ts";
import { findGoVersions, goVersionTime, hasGoVersion, lookUpModule } from "../../sources/goproxy/index.ts";
import { neededPackages, type OpenOffer, wordsFor } from "./offer.ts";

/**
 * Toolchains that are modules of the Go module proxy. A proxy need not list what nobody asked it for yet, so that a
 * version counts as being there for all machines when it is listed for any, and the exact one of a range always; it is
 * looked for when it is chosen.
 */
export const goproxyOffer: OpenOffer = async ({ language, range, platforms, environment, patience }) => {
  const source = language.goproxy;
  if (source === undefined) throw new Error(`Assertion failed: ${language.name} is not on the Go proxy`);
  if (platforms.some(({ facts }) => facts.libc === "unknown"))
    return "the C library of the base is not known";
  const options = { environment, patience };
  const listed = new Set(await findGoVersions(source.module, options));
  const pattern = patternOf(source.version);
  const versions = [...listed].flatMap((moduleVersion) => pattern.exec(moduleVersion)?.[1] ?? []);
  const all = [...new Set([...versions, ...(range.exact === undefined ? [] : [range.exact])])];
  return {
    versions: platforms.map(() => all),
    releasedAt: async (version) => {
      const times = platforms.map((one) =>
        goVersionTime(source.module, expand(source.version, wordsFor(one, version)), options),
      );
      return Math.max(...(await Promise.all(times)).map((time) => time ?? Number.POSITIVE_INFINITY));
    },
    lock: async (version) => {
      const locked: LockedToolchain[] = [];
      for (const one of platforms) {
        const words = wordsFor(one, version);
        const moduleVersion = expand(source.version, words);
        const name = `${source.module}@${moduleVersion}`;
        if (!listed.has(moduleVersion) && !(await hasGoVersion(source.module, moduleVersion, options)))
          return `no proxy has ${name}`;
        const found = await lookUpModule(source.module, moduleVersion, options);
        if (found === undefined) return `the checksum database does not know ${name}`;
        const part = { kind: "goproxy", module: source.module, version: moduleVersion, ...found } as const;
        locked.push(
          lockedToolchain(language, source, words, {
            version,
            source: "goproxy",
            parts: [{ ...part, ...placementOf(source, words) }],
            packages: neededPackages(language, one),
          }),
        );
      }
      return locked;
    },
  };
};

/** `v0.0.1-go{version}.linux-{architecture}` for any machine. */
function patternOf(template: string): RegExp {
  const source = template
    .replace(/[.*+?^$()|[\]\\]/g, "\\$&")
    .replace("{version}", "(\\d[\\w.]*?)")
    .replace("{architecture}", "\\w+");
  return new RegExp(`^${source}$`);
}

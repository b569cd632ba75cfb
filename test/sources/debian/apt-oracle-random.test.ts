import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type AptAnswer, openAptOracle } from "./apt-oracle.ts";
import { compare, solveForOracle } from "./apt-oracle-compare.ts";
import { stanza } from "./archive.ts";
import { archive, key, mirrors, openOne, root, useArchive } from "./fixture.ts";
import { fieldsOf, randomToys } from "./solver-toys.ts";

const ARCHIVES = 400;
const hasApt = spawnSync("apt-get", ["--version"]).status === 0;

useArchive();

/**
 * Real packages seldom exclude each other, these do all the time. They have nothing to do with those of the other
 * archives, so that one index holds them all.
 */
describe.skipIf(!hasApt)("small random archives", () => {
  const toyArchives = Array.from({ length: ARCHIVES }, (_, seed) => randomToys(seed, `n${seed}-`));

  test("where apt finds an answer, ours is the same", async () => {
    const toys = toyArchives.flatMap((each) => each.toys);
    const stanzas = toys.map((toy) =>
      stanza(toy.name, String(toy.version), { Maintainer: "x", ...fieldsOf(toy) }),
    );
    await archive.publish("bookworm", { packages: { amd64: stanzas.join(""), arm64: "" } });
    for (const suite of ["bookworm-updates", "bookworm-security"])
      await archive.publish(suite, { packages: { amd64: "", arm64: "" } });
    const index = await openOne({ refresh: true });
    const installed = toyArchives.flatMap((each) => each.installed.flatMap(({ name }) => index.byName(name)));
    const oracle = await openAptOracle({
      directory: join(root, "apt"),
      index,
      mirrors: mirrors(archive.url),
      keys: [key.publicKey],
      installed,
    });
    const counts = { equal: 0, refused: 0, onlyWe: 0 };
    const differences: string[] = [];
    for (const { requested } of toyArchives) {
      const apt = await oracle.install(requested);
      const ours = solveForOracle(index, requested, installed);
      const difference = compare(index, requested, installed, apt, ours);
      if (difference === undefined) counts[ours.refusal === undefined ? "equal" : "refused"]++;
      else if (isRefusal(apt)) counts.onlyWe++;
      else differences.push(`${requested.join(" ")}: ${difference}`);
    }
    console.log(`${JSON.stringify(counts)} of ${ARCHIVES}`);
    expect(differences).toEqual([]);
    expect(counts.onlyWe).toBeLessThan(ARCHIVES / 20);
    expect(Math.min(counts.equal, counts.refused)).toBeGreaterThan(ARCHIVES / 10);
  });
});

/** That ours then holds together is checked with each subset of such archives, see `solver-random.test.ts`. */
function isRefusal({ refusal, changed, upgraded }: AptAnswer): boolean {
  return refusal !== undefined || changed.length > 0 || upgraded.size > 0;
}

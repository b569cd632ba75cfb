import { expect, test } from "vitest";
import { DevenvError } from "../../../src/errors.ts";
import { solve } from "../../../src/sources/debian/solver.ts";
import { indexOf } from "./solver-index.ts";
import { fieldsOf, holdsTogether, neededBy, randomToys, subsets, type Toy } from "./solver-toys.ts";

const ARCHIVES = 2500;

test("a solution is found whenever there is one, and it holds together", () => {
  const counts = { solved: 0, refused: 0 };
  for (let seed = 0; seed < ARCHIVES; seed++) {
    const { toys, installed, requested } = randomToys(seed);
    const wanted = toys.filter((toy) => installed.includes(toy) || requested.includes(toy.name));
    const expected = subsets(toys).some(
      (subset) => wanted.every((toy) => subset.includes(toy)) && holdsTogether(subset),
    );
    const names = solveToys(toys, installed, requested);
    const context = JSON.stringify({ seed, requested, installed: installed.map(({ name }) => name), toys });
    expect(names !== undefined, context).toBe(expected);
    counts[names === undefined ? "refused" : "solved"]++;
    if (names === undefined) continue;
    const solution = toys.filter((toy) => installed.includes(toy) || names.includes(toy.name));
    expect(holdsTogether(solution), context).toBe(true);
    expect(
      requested.every((name) => solution.some((toy) => toy.name === name)),
      context,
    ).toBe(true);
    expect([...neededBy(solution, wanted)].sort(), context).toEqual(solution.map(({ name }) => name));
  }
  expect(Math.min(counts.solved, counts.refused)).toBeGreaterThan(ARCHIVES / 10);
});

/** The names that are installed anew; undefined when the request is refused. */
function solveToys(
  toys: readonly Toy[],
  installed: readonly Toy[],
  requested: readonly string[],
): string[] | undefined {
  const index = indexOf(Object.fromEntries(toys.map((toy) => [`${toy.name} ${toy.version}`, fieldsOf(toy)])));
  try {
    const records = installed.flatMap(({ name }) => index.byName(name));
    return solve(index, requested, { installed: records }).map(({ name }) => name);
  } catch (error) {
    if (error instanceof DevenvError && error.code === "DEVENV_UNSATISFIABLE") return undefined;
    throw error;
  }
}

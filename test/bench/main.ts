// Prints one table: what devenv takes, beside what its users have today, both measured in turn in this run. Its rows
// go to standard error as they come.
// With words, only the comparisons whose measure contains one of them. --environments says how many are started one
// after the other.
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { removePaths } from "../../src/sandbox/index.ts";
import { buildMeasures, openBuildComparisons } from "./bases.ts";
import type { Bench, Group } from "./bench.ts";
import { enterMeasures, openEnterComparisons } from "./enter.ts";
import { manyMeasures, openManyComparisons } from "./many.ts";
import { compare, type OpenComparisons, type Result } from "./measure.ts";
import { memoryMeasures, openMemoryComparisons } from "./memory.ts";
import { openPullComparisons, pullMeasures } from "./pull.ts";
import { openStartComparisons, startMeasures } from "./start.ts";
import { openStepComparisons, stepMeasures } from "./steps.ts";
import { rowOf, tableOf } from "./table.ts";
import { makeTools, type Tools } from "./tools.ts";
import { openWorkComparisons, workMeasures } from "./work.ts";

const { positionals: words, values } = parseArgs({
  allowPositionals: true,
  options: { environments: { type: "string", default: "100" } },
});
const count = Math.min(100, Math.max(2, Number.parseInt(values.environments, 10)));
const directory = mkdtempSync(join(tmpdir(), "devenv-bench-"));
const bench: Bench = {
  program: fileURLToPath(new URL("./devenv", import.meta.url)),
  directory,
  store: join(directory, "store"),
  emptyStore,
};
const groups: readonly Group[] = [
  { measures: Object.values(enterMeasures), open: () => openEnterComparisons(bench, tools()) },
  { measures: Object.values(startMeasures), open: () => openStartComparisons(bench, tools()) },
  { measures: Object.values(memoryMeasures), open: () => openMemoryComparisons(bench, tools()) },
  { measures: Object.values(manyMeasures), open: () => openManyComparisons(bench, tools(), count) },
  { measures: Object.values(stepMeasures), open: () => openStepComparisons(bench, tools()) },
  { measures: workMeasures, open: () => openWorkComparisons(bench, tools()) },
  { measures: Object.values(buildMeasures), open: () => openBuildComparisons(bench) },
  { measures: Object.values(pullMeasures), open: () => openPullComparisons(bench) },
];
mkdirSync(bench.store);
let made: Tools | undefined;
try {
  const results: Result[] = [];
  for (const { measures, open } of groups) {
    if (!measures.some(isChosen)) continue;
    try {
      const opened = await open();
      await addResults(results, opened).finally(() => opened.close?.());
    } catch (error) {
      process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
      process.exitCode = 1;
    }
  }
  process.stdout.write(`${tableOf(results)}\n`);
} finally {
  await made?.close();
  await emptyStore(bench.store);
  rmSync(directory, { recursive: true });
}

function tools(): Tools {
  made ??= makeTools(bench);
  return made;
}

function isChosen(measure: string): boolean {
  return words.length === 0 || words.some((word) => measure.includes(word));
}

async function addResults(results: Result[], { comparisons }: OpenComparisons): Promise<void> {
  for (const comparison of comparisons.filter(({ measure }) => isChosen(measure))) {
    process.stderr.write(`${comparison.measure} …\n`);
    const rows = await compare(comparison);
    process.stderr.write(`${rows.map(rowOf).join("\n")}\n`);
    results.push(...rows);
  }
}

async function emptyStore(path: string): Promise<void> {
  await removePaths(path, readdirSync(path));
}

import { expect, test } from "vitest";
import { releasedBy } from "../../../src/environment/toolchains/released.ts";
import { languageOf } from "../../../src/languages/index.ts";

const python = languageOf("python");
/** When each was there, in days. */
const days: Readonly<Record<string, number>> = {
  "3.12.2": 90,
  "3.12.1": 70,
  "3.12.0": 50,
  "3.11.9": 95,
  "3.11.8": 85,
  "3.11.7": 72,
  "3.11.6": 55,
  "3.11.5": 40,
  "3.10.14": 94,
};

async function released(moment: number): Promise<{ versions: string[]; asked: string[] }> {
  if (python === undefined) throw new Error("no Python");
  const asked: string[] = [];
  const at = async (version: string): Promise<number> => {
    asked.push(version);
    return days[version] ?? Number.POSITIVE_INFINITY;
  };
  const versions: string[] = [];
  for await (const version of releasedBy(python, Object.keys(days), at, moment)) versions.push(version);
  return { versions, asked };
}

test.each([
  [100, Object.keys(days)],
  [80, ["3.12.1", "3.12.0", "3.11.7", "3.11.6", "3.11.5"]],
  [60, ["3.12.0", "3.11.6", "3.11.5"]],
  [45, ["3.11.5"]],
  [10, []],
])("what was there on day %s, of every line", async (moment, versions) => {
  expect((await released(moment)).versions).toEqual(versions);
});

test("few are asked for", async () => {
  expect((await released(80)).asked.length).toBeLessThanOrEqual(7);
});

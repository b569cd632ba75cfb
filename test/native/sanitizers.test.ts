import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";

const native = resolve(import.meta.dirname, "../../native");

/** Runs make in `native/`; its output is the message when it fails. */
function make(...words: string[]): string {
  const { status, stdout, stderr } = spawnSync("make", ["-s", "-C", native, ...words], { encoding: "utf8" });
  expect(status, `${stdout}${stderr}`).toBe(0);
  return stdout;
}

describe("the native code", () => {
  test("passes its unit tests under AddressSanitizer and UndefinedBehaviorSanitizer", () => {
    make("unit");
  });

  test("withstands its fuzzers, which start from the committed corpus", () => {
    const output = make("fuzz-run", `SECONDS=${process.env.DEVENV_FUZZ_SECONDS ?? "10"}`);
    const runs = [...output.matchAll(/^(fuzz-\w+): Done (\d+) runs/gm)];
    expect(runs.map((run) => run[1])).toEqual([
      "fuzz-deb",
      "fuzz-entry",
      "fuzz-inflate",
      "fuzz-paths",
      "fuzz-stream",
      "fuzz-tar",
      "fuzz-whiteout",
    ]);
    for (const run of runs) expect(Number(run[2])).toBeGreaterThan(1000);
  });
});

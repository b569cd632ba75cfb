import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, test } from "vitest";

const native = resolve(import.meta.dirname, "../../native");
/** Of each fuzzer; two run at the same time. */
const seconds = process.env["DEVENV_FUZZ_SECONDS"] ?? "60";

/** Runs make in `native/`; its output is the message when it fails. */
async function make(...words: string[]): Promise<string> {
  const child = spawn("make", ["-s", "-C", native, ...words], { stdio: ["ignore", "pipe", "pipe"] });
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "exit"),
  ]);
  expect(status, `${stdout}${stderr}`).toBe(0);
  return stdout;
}

describe("the native code", () => {
  test("passes its unit tests under AddressSanitizer and UndefinedBehaviorSanitizer", async () => {
    await make("unit");
  });

  test("withstands its fuzzers, which start from the committed corpus", { timeout: 1_800_000 }, async () => {
    const output = await make("-j2", "fuzz-run", `SECONDS=${seconds}`);
    const runs = [...output.matchAll(/^(fuzz-\w+): Done (\d+) runs/gm)];
    expect(runs.map((run) => run[1]).sort()).toEqual([
      "fuzz-deb",
      "fuzz-entry",
      "fuzz-framing",
      "fuzz-inflate",
      "fuzz-paths",
      "fuzz-pax",
      "fuzz-stream",
      "fuzz-tar",
      "fuzz-whiteout",
    ]);
    for (const run of runs) expect(Number(run[2])).toBeGreaterThan(1000);
  });
});

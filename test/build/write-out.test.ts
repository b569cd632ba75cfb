import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { sharedWriteOut } from "../../src/build/layer.ts";
import { openStore } from "../../src/store/index.ts";

let directory: string;

/** A sync(1) that tells when it begins, and ends when the test says how. */
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "devenv-sync-"));
  const program = join(directory, "sync");
  const script = `#!/bin/sh
echo >>"${directory}/begun"
n=$(wc -l <"${directory}/begun")
while [ ! -e "${directory}/end-$n" ]; do sleep 0.01; done
exit "$(cat "${directory}/end-$n")"
`;
  writeFileSync(program, script);
  chmodSync(program, 0o755);
  writeFileSync(join(directory, "begun"), "");
  vi.stubEnv("PATH", `${directory}:${process.env["PATH"]}`);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true });
});

const begun = (): number => readFileSync(join(directory, "begun"), "utf8").length;
const reached = (count: number) => vi.waitUntil(() => begun() === count, { timeout: 10_000, interval: 20 });
const end = (number: number, code: number): void =>
  writeFileSync(join(directory, `end-${number}`), `${code}`);

test("whoever asks while files are written out waits for the next time, all of them for the same", async () => {
  const writeOut = sharedWriteOut(await openStore(join(directory, "store")));
  const order: string[] = [];
  const ask = (name: string): Promise<unknown> => writeOut().then(() => order.push(name));
  const first = ask("first");
  await reached(1);
  const others = [ask("second"), ask("third")];
  end(1, 0);
  await first;
  await reached(2);
  expect(order).toEqual(["first"]);
  end(2, 0);
  await Promise.all(others);
  expect(begun()).toBe(2);
});

test("what fails for some is tried again for those who ask later", async () => {
  const writeOut = sharedWriteOut(await openStore(join(directory, "store")));
  const first = writeOut();
  await reached(1);
  const second = writeOut();
  end(1, 1);
  await expect(first).rejects.toMatchObject({ code: "DEVENV_STORE" });
  end(2, 0);
  await second;
  expect(begun()).toBe(2);
});

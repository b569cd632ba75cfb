import { expect, test } from "vitest";
import { runnableOn } from "../../../src/sources/registry/platform.ts";

test.each([
  ["linux/amd64", ["linux/amd64"]],
  ["linux/amd64/v3", ["linux/amd64/v3", "linux/amd64/v2", "linux/amd64"]],
  ["linux/arm64", ["linux/arm64"]],
  ["linux/arm64/v8", ["linux/arm64"]],
  ["linux/arm64/v9", ["linux/arm64/v9", "linux/arm64"]],
  ["linux/arm", ["linux/arm", "linux/arm/v6", "linux/arm/v5"]],
  ["linux/arm/v6", ["linux/arm/v6", "linux/arm/v5"]],
  ["linux/riscv64", ["linux/riscv64"]],
  ["linux/ppc64le/power9", ["linux/ppc64le/power9"]],
] as const)("%s runs %j", (platform, runnable) => {
  expect(runnableOn(platform)).toEqual(runnable);
});

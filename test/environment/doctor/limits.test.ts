import { expect, test } from "vitest";
import { examineLimits } from "../../../src/environment/doctor/limits.ts";

test("a remedy for several limits is told once", () => {
  const remedy = ["systemctl daemon-reload"];
  const findings = examineLimits("/", () => ({
    plan: { steps: [], join: [] },
    missing: [
      { limit: "cpus", reason: "not delegated", remedy },
      { limit: "pids", reason: "not delegated", remedy },
    ],
  }));
  expect(findings.filter(({ name }) => /cpus|memory|pids/.test(name))).toMatchObject([
    { name: "limit cpus", state: "limited", remedy },
    { name: "limit memory", state: "ok", remedy: [] },
    { name: "limit pids", state: "limited", detail: "not delegated; mended like limit cpus", remedy: [] },
  ]);
});

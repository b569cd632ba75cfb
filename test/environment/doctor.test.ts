import { expect, test } from "vitest";
import { examineKernel } from "../../src/environment/doctor.ts";

test.each(["5.12.0", "5.15.0-105-generic", "6.1.0-56-cloud-amd64", "10.0"])("Linux %s will do", (version) => {
  expect(examineKernel("linux", version)).toEqual({
    name: "kernel",
    state: "ok",
    detail: `Linux ${version}`,
    remedy: [],
  });
});

test.each(["5.11.22", "5.4.0-216-generic", "4.19.0", "3.10"])("Linux %s is too old", (version) => {
  expect(examineKernel("linux", version)).toMatchObject({
    state: "missing",
    detail: `Linux ${version} is older than 5.12`,
    remedy: ["boot a newer kernel"],
  });
});

test("another system has no environments, and no newer kernel helps", () => {
  expect(examineKernel("darwin", "25.1.0")).toMatchObject({
    state: "missing",
    detail: "darwin; environments need Linux",
    remedy: [],
  });
});

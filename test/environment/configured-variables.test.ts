import { expect, test } from "vitest";
import { configuredVariables } from "../../src/environment/configured-variables.ts";

test("a day reaches the package managers that know one, and the configuration has the last word", () => {
  expect(configuredVariables({ env: { A: "1" } })).toEqual({ A: "1" });
  expect(
    configuredVariables({ asOf: "2024-03-17", env: { UV_EXCLUDE_NEWER: "2024-01-01", A: "1" } }),
  ).toEqual({
    npm_config_before: "2024-03-17T23:59:59Z",
    PIP_UPLOADED_PRIOR_TO: "2024-03-17T23:59:59Z",
    UV_EXCLUDE_NEWER: "2024-01-01",
    A: "1",
  });
});

import { describe, expect, test } from "vitest";
import { parseChallenges } from "../../../src/sources/registry/challenge.ts";

function plain(...values: string[]) {
  return parseChallenges(values).map(({ scheme, parameters, token68 }) => [
    scheme,
    token68 ?? Object.fromEntries(parameters),
  ]);
}

describe("WWW-Authenticate", () => {
  test("with quoted commas and escapes", () => {
    expect(
      plain('Bearer realm="https://auth.example/token",scope="repository:a:pull,push",error="a \\"b\\""'),
    ).toEqual([
      ["bearer", { realm: "https://auth.example/token", scope: "repository:a:pull,push", error: 'a "b"' }],
    ]);
  });

  test("with several challenges in one field or in several", () => {
    const expected = [
      ["negotiate", {}],
      ["basic", { realm: "one, two", charset: "UTF-8" }],
      ["bearer", { realm: "x", service: "y" }],
    ];
    expect(plain('Negotiate, Basic realm="one, two" , charset=UTF-8, BEARER Realm=x, service = y')).toEqual(
      expected,
    );
    expect(
      plain("Negotiate", 'Basic realm="one, two",charset=UTF-8', ', Bearer realm="x",, service="y",'),
    ).toEqual(expected);
  });

  test("with a token instead of parameters", () => {
    expect(plain("NTLM TlRMTVNTUAAC==, Basic")).toEqual([
      ["ntlm", "TlRMTVNTUAAC=="],
      ["basic", {}],
    ]);
  });

  test.each([
    'Bearer realm="x',
    'Bearer a="b", realm=',
    'Bearer realm="a" service="b"',
    "=x",
    'Bearer a="1",a="2"',
    "@",
  ])("%j is malformed", (text) => {
    expect(() => parseChallenges([text])).toThrow(
      expect.objectContaining({ code: "DEVENV_REGISTRY_CHALLENGE" }),
    );
  });

  test("that goes on for ever is read in time", () => {
    const parameters = Array.from({ length: 5_000 }, (_, index) => `p${index}="${"x".repeat(10)}"`).join(",");
    expect(parseChallenges([`Bearer ${parameters}`])[0]?.parameters.size).toBe(5_000);
  });
});

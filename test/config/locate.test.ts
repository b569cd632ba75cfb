import { describe, expect, test } from "vitest";
import { withPositions } from "../../src/config/index.ts";
import { DevenvError } from "../../src/errors.ts";

const text = `{
  "name": "test",
  "packages": ["git", // comment
    "gti", "nodejss"],
  "languages": { "python": "three" },
  "layers": [{ "run": "make", "inputs": ["a", "b"] }]
}`;

function located(error: Error): Promise<unknown> {
  return withPositions({ file: "devenv.jsonc", text }, () => Promise.reject(error)).catch((found) => found);
}

describe("withPositions", () => {
  test("says where each name stands", async () => {
    const options = { about: ["gti", "nodejss"], hint: "a hint", usage: true };
    expect(
      await located(new DevenvError("DEVENV_PACKAGE_UNKNOWN", "no gti\nno nodejss", options)),
    ).toMatchObject({
      code: "DEVENV_PACKAGE_UNKNOWN",
      message: "devenv.jsonc:4:5: no gti\ndevenv.jsonc:4:12: no nodejss",
      hint: "a hint",
      usage: true,
    });
  });

  test("says the file alone for what does not stand there", async () => {
    const error = new DevenvError("DEVENV_PACKAGE_UNKNOWN", "no gti", { about: ["other"] });
    expect(await located(error)).toMatchObject({ message: "devenv.jsonc: no gti" });
  });

  test("says where a language stands; lines about nothing stay as they are", async () => {
    const error = new DevenvError("DEVENV_LANGUAGE_UNAVAILABLE", "no python\n  image: 3.9", {
      about: ["languages.python"],
    });
    expect(await located(error)).toMatchObject({ message: "devenv.jsonc:5:28: no python\n  image: 3.9" });
  });

  test("says where the command of a layer stands, and where one of its inputs does", async () => {
    const about = ["layers[0]", "layers[0].inputs[1]", "layers[1]"];
    const error = new DevenvError("DEVENV_INPUT_MISSING", "one\ntwo\nthree", { about });
    expect(await located(error)).toMatchObject({
      message: "devenv.jsonc:6:23: one\ndevenv.jsonc:6:47: two\ndevenv.jsonc: three",
    });
  });

  test("leaves every other error as it is", async () => {
    for (const error of [new Error("no gti"), new DevenvError("DEVENV_STORE", "no space")])
      expect(await located(error)).toBe(error);
  });

  test("gives what the work gave", async () => {
    expect(await withPositions({ file: "devenv.jsonc", text }, async () => 7)).toBe(7);
  });
});

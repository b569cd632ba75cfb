import { describe, expect, test } from "vitest";
import {
  addNames,
  parseConfiguration,
  readTemplate,
  renderTemplate,
  templateName,
} from "../../src/config/index.ts";

describe("the template", () => {
  test("renders to a configuration that is right", async () => {
    const text = renderTemplate(await readTemplate("default"), { name: "shop-api" });
    expect(text).toContain("/workspaces/shop-api");
    expect(parseConfiguration(text, "devenv.jsonc")).toMatchObject({
      name: "shop-api",
      base: { suite: "bookworm" },
    });
    expect(parseConfiguration(addNames(text, ["git"]), "devenv.jsonc").packages).toEqual(["git"]);
  });

  test("escapes the name and knows no other placeholder", () => {
    expect(JSON.parse(renderTemplate('"{{name}}"', { name: 'a"b\\$&' }))).toBe('a"b\\$&');
    expect(() => renderTemplate("{{other}}", { name: "a" })).toThrow("{{other}}");
  });

  test.each([
    ["/home/me/Shop API", "shop-api"],
    ["/srv/.hidden", "hidden"],
    ["/", "project"],
    ["/x/日本", "project"],
    [`/x/${"a".repeat(80)}`, "a".repeat(63)],
  ])("the directory %s gives the name %s", (directory, name) => {
    expect(templateName(directory)).toBe(name);
    parseConfiguration(JSON.stringify({ name, base: "bootstrap:debian/trixie" }), "devenv.jsonc");
  });
});

import { expect, test } from "vitest";
import { linkTarget } from "../../../src/sources/registry/link.ts";

test.each([
  [['</v2/a/tags/list?last=x&n=2>; rel="next"'], "/v2/a/tags/list?last=x&n=2"],
  [['<a>;rel=prev, <b>; title="x, <c>; rel=next"; rel=next'], "b"],
  [["<a>; rel=prev", '<b?x=1,2>; REL="last NEXT"'], "b?x=1,2"],
  [["<a>; rel=nextish"], undefined],
  [["<a>"], undefined],
  [["nonsense; rel=next"], undefined],
  [[], undefined],
])("%j leads to %s", (values, target) => {
  expect(linkTarget(values, "next")).toBe(target);
});

test("a long field is read in time", () => {
  expect(linkTarget([`<a>${"; x=y ".repeat(10_000)}!`], "next")).toBeUndefined();
});

import { expect, test } from "vitest";
import { quoteForeign, redact, redactURL } from "../../../src/sources/registry/redact.ts";

test("URLs show where something is and not what opens it", () => {
  expect(redactURL("https://user:pass@cdn.example/x?X-Amz-Signature=abc&ns=docker.io&sig=1#token")).toBe(
    "https://cdn.example/x?X-Amz-Signature=***&ns=docker.io&sig=***",
  );
  expect(redactURL("//user:pass@not a url?x=y")).toBe("//not a url");
});

test.each([
  ["at https://u:p@h.example/a?token=1 end", "at https://h.example/a?token=*** end"],
  ["Authorization: Bearer abcdefghijklmnopqrst", "Authorization: Bearer ***"],
  ["Basic dXNlcjpwYXNzd29yZA==", "Basic ***"],
  ["got eyJhbGciOi.eyJzdWIi.sig-x", "got ***"],
  ['{"password": "hunter2", "identitytoken":"abc"}', '{"password": "***", "identitytoken":"***"}'],
  ["a\u001b[31mred\u202e\u0000", "a[31mred"],
  // A character that is not shown must not keep a secret from being found.
  ["Bea\u200brer abcdefghijklmnopqrst", "Bearer ***"],
])("%j", (text, shown) => {
  expect(redact(text)).toBe(shown);
});

test("known secrets are masked, the longer first, and very short ones left", () => {
  expect(redact("secret secret-longer abc", ["secret", "secret-longer", "abc"])).toBe("*** *** abc");
});

test("what a server says is one line of limited length", () => {
  expect(quoteForeign("one\ntwo  ")).toBe("one two");
  expect(quoteForeign("x".repeat(400))).toHaveLength(301);
});

import { describe, expect, test } from "vitest";
import { addressKind, checkHop } from "../../../src/sources/registry/address.ts";

test.each([
  ["example.com", "public"],
  ["93.184.216.34", "public"],
  ["[2001:db8::1]", "public"],
  ["localhost", "loopback"],
  ["x.localhost.", "loopback"],
  ["127.9.9.9", "loopback"],
  ["[::1]", "loopback"],
  ["10.1.2.3", "private"],
  ["192.168.0.1", "private"],
  ["172.31.0.1", "private"],
  ["172.32.0.1", "public"],
  ["[fd00::1]", "private"],
  ["169.254.169.254", "forbidden"],
  ["0.0.0.0", "forbidden"],
  ["[fe80::1]", "forbidden"],
  ["[::ffff:169.254.169.254]", "forbidden"],
  ["[64:ff9b::a9fe:a9fe]", "forbidden"],
])("%s is %s", (host, kind) => {
  expect(addressKind(new URL(`http://${host}`).hostname)).toBe(kind);
});

describe("a hop", () => {
  test.each([
    ["https://cdn.example/x", "https://ghcr.io"],
    ["https://10.0.0.2/x", "https://10.0.0.1"],
    ["http://127.0.0.1:2/x", "http://127.0.0.1:1"],
    ["http://10.0.0.2/x", "http://localhost:5000"],
    ["https://169.254.1.1/a", "https://169.254.1.1"],
  ])("to %s from %s is allowed", (target, origin) => {
    expect(() => checkHop(target, origin, "a redirect to")).not.toThrow();
  });

  test.each([
    ["http://cdn.example/x", "https://ghcr.io", "is not https:"],
    ["ftp://cdn.example/x", "http://ghcr.io", "is not https:"],
    ["https://u:p@cdn.example/x", "https://ghcr.io", "holds credentials"],
    ["https://169.254.169.254/latest", "https://ghcr.io", "link-local or reserved"],
    ["https://0x7f.1/x", "https://ghcr.io", "leads to a loopback address"],
    ["https://2130706433/x", "https://ghcr.io", "leads to a loopback address"],
    ["https://10.0.0.1/x", "https://ghcr.io", "leads to a private address"],
    ["https://127.0.0.1/x", "https://10.0.0.1", "leads to a loopback address"],
    ["http://169.254.2.2/x", "http://169.254.1.1", "link-local or reserved"],
    ["nonsense", "https://ghcr.io", "is no URL"],
  ])("to %s from %s is refused", (target, origin, reason) => {
    expect(() => checkHop(target, origin, "a redirect to")).toThrow(
      expect.objectContaining({ code: "DEVENV_REGISTRY_INSECURE", message: expect.stringContaining(reason) }),
    );
  });
});

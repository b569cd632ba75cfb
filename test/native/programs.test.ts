import { execFileSync } from "node:child_process";
import { resolve } from "node:path";
import { expect, test } from "vitest";

test.each(["devenv", "devenv-sandbox", "devenv-layers"])(
  "%s runs on any Linux: it asks for no loader",
  (name) => {
    const program = resolve(import.meta.dirname, "../../dist", name);
    const headers = execFileSync("readelf", ["--program-headers", "--dynamic", "--wide", program], {
      encoding: "utf8",
    });
    expect(headers).toContain("Elf file type is DYN");
    expect(headers).not.toMatch(/INTERP|NEEDED|program interpreter/);
  },
);

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LayerEntry } from "../../src/sandbox/index.ts";
import { sha256Of, tarOf } from "../support/archives.ts";
import { Host, testers } from "./host.ts";

const elf = "\u007fELF and more";

describe.each(testers())("the list of a layer, for $label", (tester) => {
  let host: Host;
  beforeAll(() => {
    host = new Host(tester);
  });
  afterAll(() => host.close());

  const list = (root: string): LayerEntry[] =>
    host
      .call<LayerEntry[]>("listLayer", host.store, root)
      .sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));

  test("has what an image's layer has, also what is not for everybody's eyes", () => {
    const data = tarOf([
      { name: "./", type: "5" },
      { name: "lib/", type: "5" },
      { name: "lib/.wh..wh..opq" },
      { name: "lib/libc.so.6", content: elf },
      { name: "lib/libm.so", type: "2", link: "libm.so.6" },
      { name: "lib/nowhere", type: "2", link: "/no where" },
      { name: "private/", type: "5", mode: 0o700, uid: 33, gid: 33 },
      { name: "private/secret.so", content: elf, mode: 0o600, uid: 33 },
      { name: "private/text", content: "\u007fEL" },
      { name: "private/empty", mode: 0 },
      { name: "pipe", type: "6" },
      { name: "usr/.wh.gone" },
    ]);
    writeFileSync(join(host.directory, "layer"), data);
    const digest = `sha256:${sha256Of(data)}`;
    host.call("unpackLayer", {
      store: host.store,
      root: "layer",
      file: join(host.directory, "layer"),
      digest,
      diffID: digest,
      size: data.length,
      compression: "none",
    });
    expect(list("layer")).toEqual([
      { kind: "directory", path: "" },
      { kind: "opaque", path: "lib" },
      { kind: "elf", path: "lib/libc.so.6" },
      { kind: "link", path: "lib/libm.so", target: "libm.so.6" },
      { kind: "link", path: "lib/nowhere", target: "/no where" },
      { kind: "other", path: "pipe" },
      { kind: "directory", path: "private" },
      { kind: "other", path: "private/empty" },
      { kind: "elf", path: "private/secret.so" },
      { kind: "other", path: "private/text" },
      { kind: "directory", path: "usr", implicit: true },
      { kind: "whiteout", path: "usr/gone" },
    ]);
    host.call("removePaths", host.store, ["layer"]);
  });

  test("has what overlayfs writes when a step removes and replaces", () => {
    const lower = tarOf([
      { name: "t/", type: "5" },
      { name: "t/dir/", type: "5" },
      { name: "t/dir/libold.so", content: elf },
      { name: "t/file", content: "x" },
    ]);
    writeFileSync(join(host.directory, "lower"), lower);
    const digest = `sha256:${sha256Of(lower)}`;
    host.call("unpackLayer", {
      store: host.store,
      root: "lower",
      file: join(host.directory, "lower"),
      digest,
      diffID: digest,
      size: lower.length,
      compression: "none",
    });
    const plan = host.plan();
    if (!("upper" in plan.root)) throw new Error("the plan has no upper directory");
    const root = { ...plan.root, layers: ["lower"] };
    const { code, output } = host.step(
      "rm /t/file; rm -r /t/dir; mkdir /t/dir; ln -s libnew.so.1 /t/dir/libnew.so",
      [],
      { root, operations: plan.operations } as never,
    );
    expect(code, output).toBe(0);
    expect(list(root.upper).filter(({ path }) => path.startsWith("t"))).toEqual([
      { kind: "directory", path: "t" },
      { kind: "opaque", path: "t/dir" },
      { kind: "link", path: "t/dir/libnew.so", target: "libnew.so.1" },
      { kind: "whiteout", path: "t/file" },
    ]);
    host.call("removePaths", host.store, ["lower"]);
  });

  test("is refused of what is not below the store", () => {
    expect(host.failure("listLayer", host.store, "../outside")).toMatchObject({
      code: "DEVENV_LIST_FAILED",
      message: expect.stringContaining("../outside"),
    });
  });
});

import { createHash, randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, test } from "vitest";
import type { LockedPart, LockedPlatform } from "../../src/lock/index.ts";
import { type Tester, testers } from "../sandbox/host.ts";
import { answer, fakeRegistries } from "../sources/registry/fake-registry.ts";
import { tarOf } from "../support/archives.ts";
import { zipOf } from "../support/zip.ts";
import { Builder } from "./builder.ts";

const start = fakeRegistries();
const root = "example.org/tool@v1.0.0";
const files = [
  { name: `${root}/bin/tool`, content: randomBytes(3_000_000) },
  { name: `${root}/src/_go.mod`, content: "module std\n" },
];
const tarball = gzipSync(tarOf([{ name: "package/bin/tool", content: randomBytes(3_000_000) }]));

/** golang.org/x/mod/sumdb/dirhash, Hash1. */
const lines = files.map(({ name, content }) => `${hexOf(content)}  ${name}\n`);
const module: LockedPart = {
  kind: "goproxy",
  module: "example.org/tool",
  version: "v1.0.0",
  sum: `h1:${createHash("sha256").update(lines.join("")).digest("base64")}`,
  path: "example.org/tool/@v/v1.0.0.zip",
  maps: [{ from: root, to: "/usr/local/tool" }],
  executables: ["/usr/local/tool/bin/*"],
};
const npm: LockedPart = {
  kind: "npm",
  package: "tool",
  version: "1.0.0",
  integrity: `sha512-${createHash("sha512").update(tarball).digest("base64")}`,
  path: "tool/-/tool-1.0.0.tgz",
  maps: [{ from: "package", to: "/usr/local/tool" }],
};

describe.each(testers())("a toolchain laid by $label", (tester: Tester) => {
  const builders: Builder[] = [];
  afterEach(async () => {
    await Promise.all(builders.splice(0).map((builder) => builder.close()));
  });

  async function serving(body: Uint8Array): Promise<Builder> {
    const { url } = await start((_, response) => answer(response, 200, {}, body));
    const builder = new Builder(tester, {
      env: { HOME: "/nonexistent", GOPROXY: url, npm_config_registry: url },
    });
    builders.push(builder);
    return builder;
  }

  test("has the files of a module or a package", async () => {
    for (const [part, body] of [
      [module, zipOf(files)],
      [npm, tarball],
    ] as const) {
      const builder = await serving(body);
      const { diffID, error } = await builder.graft(platformOf(part));
      expect(error).toBeUndefined();
      const tool = join(builder.store, "layers", diffID?.slice(-64) ?? "", "usr/local/tool/bin/tool");
      expect(readFileSync(tool)).toHaveLength(3_000_000);
    }
  });

  const other = [...files.slice(1), { name: `${root}/bin/tool`, content: randomBytes(3_000_000) }];
  test.each<[string, LockedPart, Uint8Array, string, RegExp]>([
    [
      "other files",
      module,
      zipOf(other),
      "DEVENV_GOPROXY_SUM",
      /^example\.org\/tool@v1\.0\.0: http:\S+ has h1:/,
    ],
    [
      "another package",
      npm,
      gzipSync(tarOf([{ name: "package/bin/tool", content: randomBytes(3_000_000) }])),
      "DEVENV_NPM_INTEGRITY",
      /^npm tool 1\.0\.0: .* digest sha512:/,
    ],
    [
      "one byte more",
      npm,
      Buffer.concat([tarball, Buffer.from("x")]),
      "DEVENV_NPM_INTEGRITY",
      /^npm tool 1\.0\.0: /,
    ],
    ["less than all", npm, tarball.subarray(0, 1_000_000), "DEVENV_NPM_INTEGRITY", /^npm tool 1\.0\.0: /],
    ["nothing", npm, Buffer.of(), "DEVENV_NPM_INTEGRITY", /^npm tool 1\.0\.0: /],
    ["a page", npm, Buffer.from("<html>Log in</html>"), "DEVENV_NPM_INTEGRITY", /^npm tool 1\.0\.0: /],
  ])("leaves nothing behind when there is %s", async (_, part, body, code, message) => {
    const builder = await serving(body);
    const { error } = await builder.graft(platformOf(part));
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(error?.hint).toMatch(/^The (archive|tarball) was changed or damaged\. Try another/);
    for (const name of ["layers", "tmp"]) {
      const place = join(builder.store, name);
      expect(existsSync(place) ? readdirSync(place) : []).toEqual([]);
    }
  });
});

const platformOf = (part: LockedPart): LockedPlatform => ({
  base: { kind: "bootstrap", distribution: "debian", suite: "bookworm", releases: [], packages: [] },
  epoch: 1_700_000_000,
  packages: [],
  toolchains: [
    {
      language: "tool",
      version: "1.0.0",
      source: part.kind,
      parts: [part],
      packages: [],
      path: [],
      variables: {},
      check: ["tool", "--version"],
    },
  ],
});

function hexOf(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

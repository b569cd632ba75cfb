import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LockedImage, LockedPackage, LockedPlatform } from "../../src/lock/index.ts";
import { type Tester, testers } from "../sandbox/host.ts";
import { debOf } from "../support/archives.ts";
import { Builder } from "./builder.ts";

describe.each(testers())("steps built by $label", (tester: Tester) => {
  let builder: Builder;
  let base: LockedPlatform;
  let baseImage: LockedImage;

  beforeAll(async () => {
    builder = new Builder(tester);
    base = await builder.lock([]);
    baseImage = await builder.build(base);
  });
  afterAll(() => builder.close());

  const withPackages = (packages: readonly LockedPackage[]): LockedPlatform => ({ ...base, packages });

  /** A package whose postinst is this script. */
  const scripted = (name: string, script: string): LockedPackage =>
    builder.addPackage(
      name,
      debOf(name, [{ name: `./usr/share/${name}`, content: name }], {
        postinst: `#!/bin/sh\nset -e\n${script}\n`,
      }),
    );

  const layerFile = (image: LockedImage, name: string): string =>
    readFileSync(join(builder.store, "layers", image.layers.at(-1)?.diffID.slice(-64) ?? "", name), "utf8");

  test("a base alone is one layer", () => {
    expect(baseImage.layers.map(({ step }) => step)).toEqual(["base"]);
  });

  test("packages are a layer of their own above the base's, which is not built again", async () => {
    const { image, phases } = await builder.attempt(withPackages([scripted("plain", "true")]));
    expect(image?.layers.map(({ step }) => step)).toEqual(["base", "packages"]);
    expect(image?.layers[0]).toEqual(baseImage.layers[0]);
    expect(phases).toEqual(["packages install", "packages pack"]);
  });

  test("what was built is found again, without a look at the packages", async () => {
    const locked = withPackages([scripted("again", "true")]);
    const image = await builder.build(locked);
    expect(await builder.attempt(locked)).toEqual({ image, phases: [] });
  });

  test("maintainer scripts are root without a network, and know nothing of the host", async () => {
    const image = await builder.build(
      withPackages([
        scripted(
          "looks",
          "{ id -u; grep -c : /proc/net/dev; ls /home /root; env | sort; } >/usr/share/looked",
        ),
      ]),
    );
    const [uid, interfaces, ...rest] = layerFile(image, "usr/share/looked").trimEnd().split("\n");
    expect([uid, interfaces]).toEqual(["0", "1"]);
    const names = rest.map((line) => line.split("=")[0]);
    expect(names).toContain("SOURCE_DATE_EPOCH");
    for (const foreign of ["HOSTNAME", "USER", "LOGNAME", "DEVENV_STORE", "XDG_DATA_HOME"])
      expect(names).not.toContain(foreign);
  });

  test("a script that fails is told with its package and last words, and nothing of the layer is kept", async () => {
    const before = builder.list("layers");
    const { error, image } = await builder.attempt(
      withPackages([scripted("unlucky", "echo the last words; exit 3"), scripted("lucky", "true")]),
    );
    expect(image).toBeUndefined();
    expect(error?.code).toBe("DEVENV_BUILD_FAILED");
    expect(error?.message).toMatch(/The step packages failed with exit code \d+: unlucky\n/);
    expect(error?.message).toContain("the last words");
    expect(error?.hint).toContain("DEVENV_DEBUG=build");
    expect(builder.list("layers")).toEqual(before);
    expect(builder.list("tmp")).toEqual([]);
  });

  test("a script that goes on without space makes no layer, however well it ends", async () => {
    const before = builder.list("layers");
    const { error } = await builder.attempt(
      withPackages([scripted("heedless", "echo 'heedless: No space left on device' >&2")]),
    );
    expect(error).toMatchObject({
      code: "DEVENV_BUILD_FAILED",
      message: expect.stringContaining("No space left on device, which the script did not heed"),
    });
    expect(builder.list("layers")).toEqual(before);
  });

  test("a package that is not there where the lock says is an error, and nothing is built", async () => {
    const nowhere: LockedPackage = { ...scripted("nowhere", "true"), sha256: "0".repeat(64) };
    const { error, phases } = await builder.attempt(withPackages([nowhere]));
    expect(error?.message).toContain("nowhere 1");
    expect(phases).toEqual(["packages download"]);
  });

  test("two builds of the same at once build it once", async () => {
    const locked = withPackages([scripted("slow", "sleep 3")]);
    const first = builder.attempt(locked);
    await sleep(1000);
    const second = builder.attempt(locked);
    const outcomes = await Promise.all([first, second]);
    expect(outcomes[1].image).toEqual(outcomes[0].image);
    const all = outcomes.flatMap(({ phases }) => phases).sort();
    expect(all).toEqual(["packages install", "packages pack", "packages wait"]);
  });
});

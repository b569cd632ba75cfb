import { describe, expect, test } from "vitest";
import { mountedLayers } from "../../src/environment/gc/mounted.ts";

const [first, second] = ["1", "2"].map((digit) => digit.repeat(64));
const overlay = `440 412 0:126 / / rw - overlay overlay rw,lowerdir=layers/${first}:layers/${second},upperdir=environments/one-0123456789ab/upper,userxattr`;
const proc = "476 440 0:128 / /proc rw - proc none rw";
const home = (store: string, name = "one-0123456789ab"): string =>
  `57 440 254:0 ${store}/environments/${name}/home /home/dev rw - ext4 /dev/vda rw`;
const layers = [`sha256:${first}`, `sha256:${second}`];

const store = { root: "/data/dev env", isMountPoint: false, names: new Set(["own-0123456789ab"]) };
const mounted = (...lines: string[]) => mountedLayers(`${lines.join("\n")}\n`, store);

describe("layers that are mounted", () => {
  test("are those of overlays, where what lies beside is of this store", () => {
    expect(mounted(overlay, proc, home("/data/dev\\040env"))).toEqual(layers);
  });

  test("may be on a file system of which only the end of the path is seen", () => {
    expect(mounted(overlay, home("/dev\\040env"))).toEqual(layers);
  });

  test("may be at the top of a file system, where the store is", () => {
    expect(mounted(overlay, home(""))).toEqual([]);
    expect(mountedLayers(`${overlay}\n${home("")}\n`, { ...store, isMountPoint: true })).toEqual(layers);
  });

  test("may have come by another path, when the store has the environment", () => {
    expect(mounted(overlay, home("/other", "own-0123456789ab"))).toEqual(layers);
  });

  test("of another store do not count", () => {
    expect(mounted(overlay, home("/other"))).toEqual([]);
    expect(mounted(overlay, "57 440 254:0 /other/tmp/a.b.c.d.step.e/packages /run/p ro - ext4 x rw")).toEqual(
      [],
    );
  });

  test("are known by the upper directory alone, before there is more", () => {
    expect(mounted(overlay, proc)).toEqual([]);
    expect(mounted(overlay.replace("one-", "own-"), proc)).toEqual(layers);
  });

  test("count when nothing says whose they are", () => {
    expect(mounted(overlay.replace(/,upperdir=[^,]*/, ""), proc)).toEqual(layers);
  });

  test("are none where there is no overlay", () => {
    expect(mounted(proc, home("/data/dev\\040env"))).toEqual([]);
  });
});

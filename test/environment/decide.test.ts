import { describe, expect, test } from "vitest";
import { decide, type Wanted } from "../../src/environment/decide.ts";
import type { EnvironmentState, StartSettings } from "../../src/environment/state.ts";

const settings: StartSettings = {
  name: "shop",
  env: { A: "1", B: "2" },
  limits: { memory: 1024 },
  mounts: [{ volume: "cache", target: "~/.cache" }],
  network: "host",
  ports: [],
  hostPorts: [],
};
const image = { digest: "sha256:aa", layers: ["sha256:01", "sha256:02"] } as const;
const wanted: Wanted = { id: "shop-000000000000", platform: "linux/amd64", image, settings };

function state(changes: Partial<EnvironmentState> = {}): EnvironmentState {
  return {
    version: 1,
    id: wanted.id,
    name: "shop",
    project: "/home/u/shop",
    created: "2026-01-01T00:00:00.000Z",
    platform: "linux/amd64",
    image,
    isPrepared: true,
    hasHome: true,
    isCreated: true,
    allowsMissingLimits: false,
    start: started(settings),
    ...changes,
  };
}

function started(with_: StartSettings): EnvironmentState["start"] {
  return { settings: with_, cgroups: [], missingLimits: [], onStart: "none" };
}

test("what never was is started", () => {
  expect(decide(undefined, false, wanted)).toEqual({ stop: [], start: true, changeLimits: false });
});

test("what runs as it should goes on, whatever the order of its settings", () => {
  const reordered = { ...settings, env: { B: "2", A: "1" } };
  expect(decide(state({ start: started(reordered) }), true, wanted)).toEqual({
    stop: [],
    start: false,
    changeLimits: false,
  });
});

test("what is stopped is started, on the layer it had", () => {
  expect(decide(state({ start: undefined }), false, wanted)).toEqual({
    stop: [],
    start: true,
    changeLimits: false,
  });
  // A reboot leaves a record of something that runs no more, with settings of that time.
  const old = started({ ...settings, network: "none" });
  expect(decide(state({ start: old }), false, wanted)).toEqual({
    stop: [],
    start: true,
    changeLimits: false,
  });
});

describe("a setting that only a start can change", () => {
  test.each<[keyof StartSettings, Partial<StartSettings>]>([
    ["name", { name: "store" }],
    ["env", { env: { A: "1" } }],
    ["mounts", { mounts: [] }],
    ["network", { network: "none" }],
    ["ports", { ports: [{ host: 8080, inside: 80 }] }],
    ["hostPorts", { hostPorts: [5432] }],
  ])("%s", (key, change) => {
    expect(decide(state(), true, { ...wanted, settings: { ...settings, ...change } })).toEqual({
      stop: [`"${key}" changed in devenv.jsonc`],
      start: true,
      changeLimits: false,
    });
  });
});

describe("other limits", () => {
  const other = { ...wanted, settings: { ...settings, limits: { memory: 2048, pids: 5 } } };

  test("are changed while it runs", () => {
    expect(decide(state(), true, other)).toEqual({ stop: [], start: false, changeLimits: true });
  });

  test("are those of the next start where it does not run, or starts anew for another reason", () => {
    expect(decide(state(), false, other)).toEqual({ stop: [], start: true, changeLimits: false });
    const both = { ...wanted, settings: { ...other.settings, network: "none" as const } };
    expect(decide(state(), true, both)).toMatchObject({ start: true, changeLimits: false });
  });

  test("need a new start where the host says so", () => {
    const reason = '"limits.pids" is new';
    expect(decide(state(), true, other, [reason])).toEqual({
      stop: [reason],
      start: true,
      changeLimits: false,
    });
    expect(decide(state(), true, wanted, [reason])).toEqual({ stop: [], start: false, changeLimits: false });
  });

  test("that were half changed are changed again, also back to what they were", () => {
    const start = { settings, cgroups: [], missingLimits: [], onStart: "none" } as const;
    const cut = state({ start: { ...start, changingTo: { memory: 4096 } } });
    expect(decide(cut, true, wanted)).toEqual({ stop: [], start: false, changeLimits: true });
  });
});

test("another image replaces the layer, whether it runs or not", () => {
  const other = { ...wanted, image: { digest: "sha256:bb", layers: ["sha256:01"] } as const };
  const replaceLayer = "the image changed";
  expect(decide(state(), true, other)).toEqual({
    stop: [replaceLayer],
    replaceLayer,
    start: true,
    changeLimits: false,
  });
  expect(decide(state({ start: undefined }), false, other)).toEqual({
    stop: [],
    replaceLayer,
    start: true,
    changeLimits: false,
  });
  const both = { ...other, settings: { ...settings, network: "none" as const } };
  expect(decide(state(), true, both).stop).toEqual([replaceLayer, '"network" changed in devenv.jsonc']);
});

test("another manifest of the same layers does not", () => {
  const other = { ...wanted, image: { ...image, digest: "sha256:bb" } as const };
  expect(decide(state(), true, other)).toEqual({ stop: [], start: false, changeLimits: false });
});

test("a layer that is not there yet is none to replace", () => {
  expect(decide(state({ image: undefined, start: undefined }), false, wanted)).toEqual({
    stop: [],
    start: true,
    changeLimits: false,
  });
});

test("what runs without being written down is started anew", () => {
  const stop = ["an earlier start did not come to its end"];
  expect(decide(state({ start: undefined }), true, wanted)).toEqual({
    stop,
    start: true,
    changeLimits: false,
  });
});

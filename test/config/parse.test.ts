import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findProject, parseConfiguration, readConfiguration } from "../../src/config/index.ts";
import { configSchema, type Schema } from "../../src/config/schema.ts";
import { DevenvError } from "../../src/errors.ts";

const minimal = { name: "shop", base: "bootstrap:debian/bookworm" };

function problemsOf(text: string): string[] {
  const error = errorOf(text);
  expect(error.code).toBe("DEVENV_CONFIG_INVALID");
  expect(error.usage).toBe(true);
  const lines = error.message.split("\n  ");
  return lines.length === 1 ? lines : lines.slice(1);
}

function errorOf(text: string): DevenvError {
  try {
    parseConfiguration(text, "devenv.jsonc");
  } catch (error) {
    if (error instanceof DevenvError) return error;
    throw error;
  }
  throw new Error(`accepted: ${text}`);
}

/** The problems of the minimal configuration with other or more members, without file and position. */
function problemsWith(members: object): string[] {
  return problemsOf(JSON.stringify({ ...minimal, ...members })).map((line) =>
    line.replace(/^devenv\.jsonc:1:\d+: /, ""),
  );
}

describe("a configuration that is right", () => {
  test("gets every default", () => {
    expect(parseConfiguration(JSON.stringify(minimal), "devenv.jsonc")).toEqual({
      name: "shop",
      base: { kind: "bootstrap", distribution: "debian", suite: "bookworm" },
      platforms: ["linux/amd64", "linux/arm64"],
      languages: {},
      packages: [],
      layers: [],
      env: {},
      mounts: [],
      limits: {},
      ports: [],
      hostPorts: [],
      network: "private",
      hooks: {},
      tasks: {},
    });
  });

  test("may use every supported key, comments, trailing commas and a byte order mark", () => {
    const text = `\uFEFF{
      "$schema": "./devenv.schema.json", // for editors
      "name": "shop-api",
      "base": "bootstrap:debian/trixie", /* newest */
      "platforms": ["linux/arm64"],
      "layers": [{ "run": "make install", "inputs": ["src/**"], "network": true, "name": "tool", "env": { "A": "b" } }],
      "languages": { "python": "3.9", "rust": { "version": "stable", "source": "image", } },
      "packages": ["git", "libstdc++-12-dev",],
      "env": { "DATABASE_URL": "postgres:///shop", "EMPTY": "" },
      "mounts": [{ "volume": "cargo", "target": "~/.cargo/registry" }],
      "limits": { "cpus": 1.5, "memory": "1.5GiB", "swap": "1GiB", "pids": 1024, "disk": "20GiB", "io": { "write": "200MiB/s" } },
      "ports": [3000, "8080:80"],
      "hostPorts": [5432],
      "network": "none",
      "hooks": { "onCreate": "npm ci", "onEnter": "echo hello\\nworld" },
      "tasks": { "test": "pytest -q", "test:all": "tox" },
    }`;
    expect(parseConfiguration(text, "devenv.jsonc")).toEqual({
      name: "shop-api",
      base: { kind: "bootstrap", distribution: "debian", suite: "trixie" },
      platforms: ["linux/arm64"],
      languages: { python: { version: "3.9" }, rust: { version: "stable", source: "image" } },
      packages: ["git", "libstdc++-12-dev"],
      layers: [{ run: "make install", inputs: ["src/**"], network: true, name: "tool", env: { A: "b" } }],
      env: { DATABASE_URL: "postgres:///shop", EMPTY: "" },
      mounts: [{ volume: "cargo", target: "~/.cargo/registry" }],
      limits: {
        cpus: 1.5,
        memory: 1.5 * 2 ** 30,
        swap: 2 ** 30,
        pids: 1024,
        disk: 20 * 2 ** 30,
        io: { write: 200 * 2 ** 20 },
      },
      ports: [
        { host: 3000, inside: 3000 },
        { host: 8080, inside: 80 },
      ],
      hostPorts: [5432],
      network: "none",
      hooks: { onCreate: "npm ci", onEnter: "echo hello\nworld" },
      tasks: { test: "pytest -q", "test:all": "tox" },
    });
  });

  test.each([
    ["512MiB", 512 * 2 ** 20],
    ["1KiB", 1024],
    ["0.5GiB", undefined],
    ["4GB", undefined],
    ["4 GiB", undefined],
    ["-1GiB", undefined],
    ["0MiB", undefined],
    ["9999999GiB", undefined],
  ])("limits.memory %s", (memory, bytes) => {
    const text = JSON.stringify({ ...minimal, limits: { memory } });
    if (bytes === undefined)
      expect(problemsOf(text)[0]).toContain(`limits.memory: found "${memory}", expected a size`);
    else expect(parseConfiguration(text, "devenv.jsonc").limits.memory).toBe(bytes);
  });
});

describe("limits", () => {
  test("a disk has to hold a file system", () => {
    const text = '{\n"name": "shop", "base": "debian",\n"limits": { "disk": "63MiB" } }';
    expect(problemsOf(text)).toEqual([
      'devenv.jsonc:3:21: limits.disk: found "63MiB", expected at least 64 MiB',
    ]);
  });

  test.each([
    [{ write: "200MB/s" }, 'limits.io.write: found "200MB/s", expected bytes a second with their unit'],
    [{ read: "200MiB" }, 'limits.io.read: found "200MiB", expected bytes a second with their unit'],
    [
      { reed: "1MiB/s" },
      'limits.io: found the unknown key "reed", expected one of read, write; did you mean',
    ],
    ["200MiB/s", 'limits.io: found "200MiB/s", expected an object'],
  ])("io %j is refused", (io, message) => {
    expect(problemsWith({ limits: { io } })).toEqual([expect.stringContaining(message)]);
  });

  test("of io that name neither direction are none", () => {
    const text = JSON.stringify({ ...minimal, limits: { io: {} } });
    expect(parseConfiguration(text, "devenv.jsonc").limits).toEqual({});
  });

  test("of swap need one of memory, and the place is told", () => {
    const text = '{\n"name": "shop", "base": "debian",\n"limits": { "swap": "1GiB" } }';
    expect(problemsOf(text)).toEqual([
      "devenv.jsonc:3:21: limits.swap: found without limits.memory, expected both or memory alone",
    ]);
  });
});

describe("mistakes", () => {
  test("are all reported at once, each with line, column, value, expectation and suggestion", () => {
    const text = `{
  "name": "Shop API",
  "bas": "bootstrap:debian/bookworm",
  "base": "bootstrap:debian/bookwrom",
  // a comment
  "platforms": ["linux/amd64", "linux/amd46"],
  "packages": ["git", 7, "git", "python3=3.11"],
  "memory": "1GiB",
  "limits": { "cpu": 2, "pids": 0.5 },
  "hooks": { "onEntry": "true" },
  "env": { "1X": "a", "OK": true }
}
`;
    expect(problemsOf(text)).toEqual([
      expect.stringMatching(
        /^devenv\.jsonc:2:11: name: found "Shop API", expected a name of at most 63 characters/,
      ),
      expect.stringMatching(/^devenv\.jsonc:3:3: found the unknown key "bas", .*; did you mean "base"\?$/),
      'devenv.jsonc:4:11: base: found "bootstrap:debian/bookwrom", expected "bootstrap:debian/bullseye", ' +
        '"bootstrap:debian/bookworm", "bootstrap:debian/trixie" or an OCI image reference such as debian:bookworm-slim; did you mean "bootstrap:debian/bookworm"?',
      'devenv.jsonc:6:32: platforms[1]: found "linux/amd46", expected "linux/amd64" or "linux/arm64"; ' +
        'did you mean "linux/amd64"?',
      expect.stringMatching(
        /^devenv\.jsonc:7:23: packages\[1\]: found 7, expected a package name without version/,
      ),
      'devenv.jsonc:7:26: packages[2]: found "git" a second time, expected each once',
      expect.stringMatching(
        /^devenv\.jsonc:7:33: packages\[3\]: found "python3=3\.11", expected a package name/,
      ),
      expect.stringMatching(
        /^devenv\.jsonc:8:3: found the unknown key "memory", .*; did you mean "limits.memory"\?$/,
      ),
      'devenv.jsonc:9:15: limits: found the unknown key "cpu", expected one of cpus, memory, swap, pids, disk, io; did you mean "cpus"?',
      "devenv.jsonc:9:33: limits.pids: found 0.5, expected a number of processes, such as 1024",
      expect.stringMatching(
        /^devenv\.jsonc:10:14: hooks: found the unknown key "onEntry", .*; did you mean "onEnter"\?$/,
      ),
      expect.stringMatching(
        /^devenv\.jsonc:11:12: env: found the key "1X", expected the name of an environment variable/,
      ),
      "devenv.jsonc:11:29: env.OK: found true, expected a string without NUL characters",
    ]);
    expect(errorOf(text).message).toMatch(/^devenv\.jsonc: 13 mistakes\n/);
  });

  test("of syntax do not hide the others", () => {
    const text = `{
  "name": 'shop',
  "base": "bootstrap:debian/bookworm"
  "netwrok": "none",
`;
    expect(problemsOf(text)).toEqual([
      "devenv.jsonc:2:11: found \"'shop'\", expected keys and strings in double quotes",
      'devenv.jsonc:4:3: found "\\"netwrok\\"", expected a comma before it',
      expect.stringMatching(
        /^devenv\.jsonc:4:3: found the unknown key "netwrok", .*; did you mean "network"\?$/,
      ),
      'devenv.jsonc:5:1: found the end of the file, expected a key in double quotes, or "}"',
    ]);
  });

  test("have the same positions with CRLF and after a byte order mark", () => {
    expect(problemsOf(`\uFEFF{\r\n\t"name": 1,\r\n\t"base": 2 }`)).toEqual([
      expect.stringContaining("devenv.jsonc:2:10: name: found 1"),
      expect.stringContaining("devenv.jsonc:3:10: base: found 2"),
    ]);
  });

  test.each([
    ["", /^devenv\.jsonc:1:1: the file is empty/],
    ["// nothing\n", /the file is empty/],
    ["[]", /^devenv\.jsonc:1:1: found a list, expected an object$/],
    ['"x"', /^devenv\.jsonc:1:1: found "x", expected an object$/],
    ["{} {}", /expected nothing more/],
    ['{ "name": "a', /expected a closing double quote/],
    ['{ "name": "\\q" }', /no such escape/],
    ['{ "name" "a" }', /expected a colon/],
    ["{ name: 1 }", /expected keys and strings in double quotes/],
    ['{ "name": "a" /* ', /expected \*\//],
    ['{ "name": "a", "base": }', /expected a value/],
    ['{ "packages": ["a" }', /expected/],
  ])("%j is refused", (text, message) => {
    expect(problemsOf(text).join("\n")).toMatch(message);
  });

  test("what is required and missing is named", () => {
    expect(problemsOf("{}")).toEqual([
      expect.stringMatching(/^devenv\.jsonc:1:1: "name" is missing, expected a name/),
      expect.stringMatching(/^devenv\.jsonc:1:1: "base" is missing, expected "bootstrap:debian\/bullseye", /),
    ]);
    expect(problemsWith({ mounts: [{ volume: "a" }] })).toEqual([
      expect.stringMatching(/^mounts\[0\]: "target" is missing, expected an absolute path/),
    ]);
  });

  test("a key that stands twice is refused", () => {
    const text = '{ "name": "a", "base": "bootstrap:debian/bookworm", "name": "b" }';
    expect(problemsOf(text)).toEqual([
      "devenv.jsonc:1:53: name: found a second time; a key may stand once in an object",
    ]);
  });

  test.each(["env", "tasks", "hooks", "limits"])("__proto__ in %s is refused", (key) => {
    const text = `{ "name": "a", "base": "bootstrap:debian/bookworm", "${key}": { "__proto__": "x" } }`;
    expect(problemsOf(text)).toEqual([expect.stringMatching(/found the (unknown )?key "__proto__"/)]);
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });

  test("__proto__ and constructor at the top are unknown keys", () => {
    expect(problemsWith({ constructor: 1 })).toEqual([expect.stringContaining('unknown key "constructor"')]);
    const text = '{ "name": "a", "base": "bootstrap:debian/bookworm", "__proto__": { "network": "none" } }';
    expect(problemsOf(text)).toEqual([expect.stringContaining('unknown key "__proto__"')]);
  });

  test.each(["a\0b", ""])("the command %j is refused", (command) => {
    expect(problemsWith({ tasks: { test: command }, hooks: { onStart: command } })).toEqual([
      expect.stringContaining("tasks.test: found"),
      expect.stringContaining("hooks.onStart: found"),
    ]);
  });

  test.each([{ env: { A: "a\0b" } }, { tasks: { "../x": "true" } }, { platforms: [] }, { network: null }])(
    "%j is refused",
    (members) => {
      expect(problemsWith(members)).toHaveLength(1);
    },
  );

  test.each(["/", "~", "cache", "/a/../etc", "~/./x", "/a//b", "/a/", "/a\0", "~root/x"])(
    "the mount target %j is refused",
    (target) => {
      expect(problemsWith({ mounts: [{ volume: "v", target }] })).toEqual([
        expect.stringContaining("expected an absolute path or one that starts with ~/"),
      ]);
    },
  );

  test.each([
    "/proc",
    "/sys/kernel",
    "/dev/shm",
    "/run/devenv",
    "/workspaces",
    "/workspaces/shop",
    "/home/dev",
    "/home",
  ])("the mount target %s would hide what is needed", (target) => {
    expect(problemsWith({ mounts: [{ volume: "v", target }] })).toEqual([
      expect.stringContaining(`mounts: found the target "${target}", expected one`),
    ]);
  });

  test("a mount target may stand once, however it is written", () => {
    const mounts = ["/home/dev/.cargo", "~/.cargo", "/workspaces/shop/node_modules"];
    expect(problemsWith({ mounts: mounts.map((target) => ({ volume: "v", target })) })).toEqual([
      'mounts: found the target "~/.cargo", expected each target once',
    ]);
  });
});

describe("languages", () => {
  test("each has a range, and may have the one source to use", () => {
    const languages = {
      python: "3.9",
      node: { version: "^18.17 || lts" },
      go: { version: "~1.22", source: "goproxy" },
    };
    expect(parseConfiguration(JSON.stringify({ ...minimal, languages }), "devenv.jsonc").languages).toEqual({
      python: { version: "3.9" },
      node: { version: "^18.17 || lts" },
      go: { version: "~1.22", source: "goproxy" },
    });
  });

  test("a language that is none is told with its neighbour", () => {
    expect(problemsWith({ languages: { pyhton: "3.9" } })).toEqual([
      expect.stringContaining('did you mean "python"?'),
    ]);
  });

  test.each<[string, unknown, string]>([
    ["a language that is none", { pyhton: "3.9" }, 'languages: found the key "pyhton", expected '],
    ["a number", { python: 3.9 }, "languages.python: found 3.9, expected "],
    ["an empty range", { python: "" }, 'languages.python: found "", expected '],
    ["a range with shell code", { python: "$(reboot)" }, "languages.python: found"],
    ["no version", { python: { source: "image" } }, 'languages.python: "version" is missing'],
    ["another source", { go: { version: "1.22", source: "nix" } }, 'languages.go.source: found "nix"'],
    [
      "an unknown key",
      { go: { version: "1.22", form: "image" } },
      'languages.go: found the unknown key "form"',
    ],
  ])("%s is refused", (_, languages, message) => {
    expect(problemsWith({ languages })).toEqual([expect.stringContaining(message)]);
  });
});

describe("ports", () => {
  test.each<[object, string]>([
    [
      { ports: [0] },
      'ports[0]: found 0, expected a port from 1 to 65535 or "HOST:INSIDE", such as "8080:80"',
    ],
    [{ ports: ["8080"] }, "ports[0]: found "],
    [{ ports: [80, "65536:80"] }, "ports[1]: found "],
    [{ ports: ["0:80"] }, "ports[0]: found "],
    [{ ports: ["80:070"] }, "ports[0]: found "],
    [{ ports: [3000, "3000:80"] }, "ports[1]: found port 3000 a second time, expected each once"],
    [{ hostPorts: ["5432:5432"] }, "hostPorts[0]: found "],
    [{ hostPorts: [5432, 5432] }, "hostPorts[1]: found port 5432 a second time, expected each once"],
    [{ hostPorts: [5432], ports: ["15432:5432"] }, 'hostPorts: found 5432, which "ports" takes inside'],
    [{ ports: ["8080:80"], network: "host" }, 'ports: found "8080:80" with "network": "host"'],
    [{ hostPorts: [5432], network: "host" }, 'hostPorts: found 5432 with "network": "host"'],
    [{ ports: Array.from({ length: 101 }, (_, i) => i + 1) }, "ports[100]: found more than 100 ports"],
  ])("%j", (members, message) => {
    expect(problemsWith(members)).toEqual([expect.stringContaining(message)]);
  });

  test("one may lead to the same number as another; a server on the host's network needs no way to it", () => {
    for (const members of [
      { ports: ["8080:80", "8081:80"] },
      { ports: [3000, "3001:3001"], network: "host" },
    ])
      expect(() =>
        parseConfiguration(JSON.stringify({ ...minimal, ...members }), "devenv.jsonc"),
      ).not.toThrow();
  });
});

describe("asOf", () => {
  test("is a day of the calendar", () => {
    const { asOf } = parseConfiguration(JSON.stringify({ ...minimal, asOf: "2024-02-29" }), "devenv.jsonc");
    expect(asOf).toBe("2024-02-29");
    for (const day of ["2024-3-17", "17.3.2024", "2024-03-17T12:00:00Z"])
      expect(problemsWith({ asOf: day })).toEqual([
        `asOf: found ${JSON.stringify(day)}, expected a day such as 2024-03-17`,
      ]);
    for (const day of ["2023-02-29", "2024-04-31", "2024-00-10", "2024-13-01"])
      expect(problemsWith({ asOf: day })).toEqual([
        `asOf: found ${JSON.stringify(day)}, expected a day that the calendar has`,
      ]);
  });
});

describe("layers", () => {
  test("get their defaults, and a name by their place", () => {
    const layers = [
      { run: "make install", name: "tool", inputs: ["Makefile", "src/**"], env: { CC: "gcc" } },
      { run: "line 1\nline 2", network: true },
    ];
    expect(parseConfiguration(JSON.stringify({ ...minimal, layers }), "devenv.jsonc").layers).toEqual([
      {
        name: "tool",
        run: "make install",
        inputs: ["Makefile", "src/**"],
        network: false,
        env: { CC: "gcc" },
      },
      { name: "layer 2", run: "line 1\nline 2", inputs: [], network: true, env: {} },
    ]);
  });

  test.each<[string, object, string]>([
    ["nothing to run", { inputs: [] }, 'layers[0]: "run" is missing, expected a shell command'],
    ["an empty command", { run: " " }, 'layers[0].run: found " ", expected a shell command'],
    ["a list of commands", { run: ["a"] }, "layers[0].run: found a list, expected a shell command"],
    ["a network that is no truth", { run: "a", network: "yes" }, "layers[0].network: found"],
    ["an unknown key", { run: "a", input: ["b"] }, 'did you mean "inputs"?'],
    ["a variable that is none", { run: "a", env: { "A B": "c" } }, "the name of an environment variable"],
    ["a name of blanks", { run: "a", name: " " }, "expected a name of at most 63 characters"],
    ["an input twice", { run: "a", inputs: ["b", "b"] }, "a second time"],
  ])("%s is refused", (_, layer, expected) => {
    expect(problemsWith({ layers: [layer] })).toEqual([expect.stringContaining(expected)]);
  });

  test.each(["/etc/passwd", "../other", "a/../b", "./a", "a//b", "", "!a", ".git", "a/.git/config", "a\\b"])(
    "the input %j is refused",
    (input) => {
      expect(problemsWith({ layers: [{ run: "a", inputs: [input] }] })).toEqual([
        expect.stringContaining("expected a path or pattern below the project"),
      ]);
    },
  );

  test.each(["a", "a/", ".github/x", ".gitignore", "..a", "a..", "**", "a/**/*.{c,h}", "[id].ts"])(
    "the input %j is none of those",
    (input) => {
      const text = JSON.stringify({ ...minimal, layers: [{ run: "a", inputs: [input] }] });
      expect(() => parseConfiguration(text, "devenv.jsonc")).not.toThrow();
    },
  );

  test("a name may stand once, also where the place is the name", () => {
    const problems = problemsWith({ layers: [{ run: "a", name: "layer 2" }, { run: "b" }] });
    expect(problems).toEqual(['layers[1].name: found "layer 2" a second time, expected each once']);
  });
});

describe("what is not built yet", () => {
  const examples: Readonly<Record<string, unknown>> = {
    services: { db: { run: "postgres -D .pg", ready: { tcp: 5432 } } },
    cache: "ghcr.io/acme/cache",
  };

  test.each(Object.keys(examples))("%s is refused by name", (key) => {
    const [outer = "", inner] = key.split(".");
    const members = { [outer]: inner === undefined ? examples[key] : { [inner]: examples[key] } };
    expect(problemsWith(members)).toEqual([expect.stringMatching(new RegExp(`^${key}: not supported yet`))]);
  });

  test("every annotation in the schema has its example here", () => {
    const annotated = unsupportedPaths(configSchema, "");
    expect(annotated.sort()).toEqual(Object.keys(examples).sort());
  });
});

describe("files", () => {
  let directory = "";

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "devenv-config-"));
    await mkdir(join(directory, "project/src/deep"), { recursive: true });
    await writeFile(join(directory, "project/devenv.jsonc"), JSON.stringify(minimal));
  });
  afterAll(() => rm(directory, { recursive: true }));

  test("a project is found from below", async () => {
    const root = join(directory, "project");
    const project = { root, configFile: join(root, "devenv.jsonc"), lockFile: join(root, "devenv.lock") };
    expect(await findProject(join(root, "src/deep"))).toEqual(project);
    expect(await findProject(root)).toEqual(project);
  });

  test("no project is an error that says what to do", async () => {
    await expect(findProject(directory)).rejects.toMatchObject({ code: "DEVENV_NO_PROJECT", usage: true });
    await expect(readConfiguration(join(directory, "devenv.jsonc"))).rejects.toMatchObject({
      code: "DEVENV_NO_PROJECT",
      hint: expect.stringContaining("devenv init"),
    });
  });

  test("a file is read with its text", async () => {
    const file = join(directory, "project/devenv.jsonc");
    const loaded = await readConfiguration(file);
    expect(loaded).toMatchObject({ file, text: JSON.stringify(minimal), configuration: { name: "shop" } });
  });

  test("a file that is no text or no file is refused", async () => {
    const latin = join(directory, "latin.jsonc");
    await writeFile(latin, Buffer.from('{ "name": "caf\xe9" }', "latin1"));
    await expect(readConfiguration(latin)).rejects.toMatchObject({ code: "DEVENV_CONFIG_INVALID" });
    await expect(readConfiguration(directory)).rejects.toMatchObject({ code: "DEVENV_CONFIG_UNREADABLE" });
  });
});

/** The paths of all annotated parts of a schema; an annotated value counts as the key it belongs to. */
function unsupportedPaths(schema: Schema, path: string): string[] {
  if (schema["x-devenv-unsupported"] !== undefined) return [path];
  return [
    ...(schema.anyOf ?? []).flatMap((branch) => unsupportedPaths(branch, path)),
    ...Object.entries(schema.properties ?? {}).flatMap(([key, member]) =>
      unsupportedPaths(member, path === "" ? key : `${path}.${key}`),
    ),
  ];
}

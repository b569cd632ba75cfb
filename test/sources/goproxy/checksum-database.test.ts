import { describe, expect, test } from "vitest";
import { findGoVersions, hasGoVersion, lookUpModule } from "../../../src/sources/goproxy/index.ts";
import { holdsRecord, parseTree, tilePath } from "../../../src/sources/goproxy/tree.ts";
import { answer, type FakeRegistry, fakeRegistries, quick } from "../registry/fake-registry.ts";
import { type FakeDatabase, fakeDatabase } from "./fake-database.ts";

const start = fakeRegistries();
const sum = `h1:${"A".repeat(43)}=`;
const recordOf = (name: string, version: string, h1 = sum) =>
  `${name} ${version} ${h1}\n${name} ${version}/go.mod ${h1}\n`;

/** So many that there are tiles on three levels, and not full ones. */
const records = Array.from({ length: 70_000 }, (_, number) => recordOf("example.org/tool", `v0.0.${number}`));
const database = fakeDatabase(records);

const optionsFor = (server: FakeRegistry, environment: Readonly<Record<string, string>> = {}) => ({
  environment: {
    HOME: "/nonexistent",
    GOPROXY: server.url,
    GOSUMDB: `${database.key} http://127.0.0.1:1`,
    ...environment,
  },
  patience: quick,
});

/** A proxy that passes the database on, and may change what it says. */
function proxyOf(
  of: FakeDatabase,
  change: (path: string, body: Buffer) => Buffer | undefined = (_, body) => body,
) {
  return start((request, response) => {
    const path = (request.url ?? "").replace("/sumdb/sum.example/", "");
    const [, version] = /^lookup\/example\.org\/tool@v0\.0\.(\d+)$/.exec(path) ?? [];
    let body = path === "supported" ? Buffer.of() : of.tile(path);
    if (version !== undefined && Number(version) < records.length)
      body = Buffer.from(of.lookup(Number(version)));
    const changed = body === undefined ? undefined : change(path, body);
    if (changed === undefined) answer(response, 404);
    else answer(response, 200, {}, changed);
  });
}

describe("the checksum of a module", () => {
  test.each([0, 1, 255, 256, 65_535, 65_536, 69_887, 69_888, 69_999])(
    "is proved for record %i",
    async (number) => {
      const server = await proxyOf(database);
      expect(await lookUpModule("example.org/tool", `v0.0.${number}`, optionsFor(server))).toEqual({
        sum,
        path: `example.org/tool/@v/v0.0.${number}.zip`,
      });
      expect(server.seen.some(({ path }) => path.startsWith("/sumdb/sum.example/tile/8/0/"))).toBe(true);
    },
  );

  test("that the database does not have", async () => {
    const server = await proxyOf(database);
    expect(await lookUpModule("example.org/tool", "v0.0.70000", optionsFor(server))).toBeUndefined();
  });

  test("comes from the database itself when the proxy does not pass it on", async () => {
    const itself = await start((request, response) => {
      const path = (request.url ?? "").slice(1);
      const body = path.startsWith("lookup/") ? database.lookup(7) : database.tile(path);
      if (body === undefined) answer(response, 404);
      else answer(response, 200, {}, body);
    });
    const proxy = await start((_, response) => answer(response, 404));
    const options = optionsFor(proxy, { GOSUMDB: `${database.key} ${itself.url}` });
    expect((await lookUpModule("example.org/tool", "v0.0.7", options))?.sum).toBe(sum);
    expect(proxy.seen.map(({ path }) => path)).toEqual([
      `/sumdb/sum.example/lookup/example.org/tool@v0.0.7`,
      `/sumdb/sum.example/supported`,
    ]);
  });

  test("uses tiles that have filled up since", async () => {
    const server = await proxyOf(database, (path, body) => (path.includes(".p/") ? undefined : body));
    const full = await start((request, response) => {
      const path = (request.url ?? "").replace("/sumdb/sum.example/", "");
      const widths = ["", ".p/112", ".p/17", ".p/1"];
      const tile = widths.map((width) => database.tile(`${path}${width}`)).find((one) => one !== undefined);
      if (path.startsWith("lookup/")) answer(response, 200, {}, database.lookup(7));
      else if (tile === undefined || path.includes(".p/")) answer(response, 404);
      else answer(response, 200, {}, Buffer.concat([tile, Buffer.alloc(8192 - tile.length)]));
    });
    expect((await lookUpModule("example.org/tool", "v0.0.7", optionsFor(full)))?.sum).toBe(sum);
    await expect(lookUpModule("example.org/tool", "v0.0.7", optionsFor(server))).rejects.toMatchObject({
      code: "DEVENV_GOPROXY_UNAVAILABLE",
    });
  });

  const other = fakeDatabase(records.slice(0, 300));
  test.each<[string, (path: string, body: Buffer) => Buffer]>([
    [
      "another checksum",
      (path, body) => (path.startsWith("lookup/") ? replaced(body, "h1:AAAA", "h1:BBBB") : body),
    ],
    ["another number", (path, body) => (path.startsWith("lookup/") ? replaced(body, "7\n", "8\n") : body)],
    [
      "a number beyond the tree",
      (path, body) => (path.startsWith("lookup/") ? replaced(body, "7\n", "70000\n") : body),
    ],
    [
      "the record of another version",
      (path, body) => (path.startsWith("lookup/") ? Buffer.from(database.lookup(8)) : body),
    ],
    [
      "a tree with another size",
      (path, body) => (path.startsWith("lookup/") ? replaced(body, "\n70000\n", "\n70001\n") : body),
    ],
    [
      "a tree that somebody else signed",
      (path, body) => (path.startsWith("lookup/") ? Buffer.from(other.lookup(7)) : body),
    ],
    [
      "a tree that nobody signed",
      (path, body) => (path.startsWith("lookup/") ? Buffer.from(String(body).replace(/— .*\n/, "")) : body),
    ],
    [
      "something signed that is no tree",
      (path, body) =>
        path.startsWith("lookup/") ? Buffer.from(`7\n${records[7]}\n${database.note("hello\n")}`) : body,
    ],
    ["no record", (path, body) => (path.startsWith("lookup/") ? Buffer.from("<html>") : body)],
    [
      "another hash in a tile",
      (path, body) =>
        path.startsWith("tile/8/1/") ? Buffer.concat([body.subarray(0, -1), Buffer.of(0x55)]) : body,
    ],
    ["a tile that is too short", (path, body) => (path.startsWith("tile/") ? body.subarray(0, 32) : body)],
  ])("is not believed with %s", async (_, change) => {
    const server = await proxyOf(database, change);
    await expect(lookUpModule("example.org/tool", "v0.0.7", optionsFor(server))).rejects.toMatchObject({
      code: "DEVENV_GOPROXY_CHECKSUM",
    });
  });

  test("that nobody is to be asked for, or nobody answers", async () => {
    const server = await start((_, response) => answer(response, 500));
    for (const environment of [{ GOSUMDB: "off" }, { GONOSUMDB: "example.org" }, {}, { GOPROXY: "off" }]) {
      await expect(
        lookUpModule("example.org/tool", "v0.0.7", optionsFor(server, environment)),
      ).rejects.toMatchObject({ code: "DEVENV_GOPROXY_UNAVAILABLE" });
    }
  });
});

describe("a tree", () => {
  test.each([1, 2, 3, 5, 255, 257])("of %i records holds each of them, and no other", async (size) => {
    const small = fakeDatabase(records.slice(0, size));
    const tree = parseTree(small.note());
    if (tree === undefined) throw new Error("no tree");
    const read = async (tile: Parameters<typeof tilePath>[0]) => small.tile(tilePath(tile)) ?? Buffer.of();
    for (const number of [0, Math.floor(size / 2), size - 1]) {
      expect(await holdsRecord(tree, number, Buffer.from(records[number] ?? ""), read)).toBe(true);
      expect(await holdsRecord(tree, number, Buffer.from("x"), read)).toBe(false);
      expect(await holdsRecord(tree, size, Buffer.from(records[number] ?? ""), read)).toBe(false);
    }
  });

  test("has its tiles where the specification says", () => {
    expect(tilePath({ level: 0, index: 1_234_067, width: 256 })).toBe("tile/8/0/x001/x234/067");
    expect(tilePath({ level: 2, index: 5, width: 17 })).toBe("tile/8/2/005.p/17");
  });
});

describe("the versions of a module", () => {
  test("from the first proxy that has it", async () => {
    const first = await start((_, response) => answer(response, 410));
    const second = await start((_, response) =>
      answer(response, 200, {}, "v0.0.1-go1.22.5.linux-amd64\n\nv0.0.2 x\n"),
    );
    const options = optionsFor(first, { GOPROXY: `${first.url},${second.url}` });
    expect(await findGoVersions("golang.org/toolchain", options)).toEqual([
      "v0.0.1-go1.22.5.linux-amd64",
      "v0.0.2",
    ]);
    expect(await findGoVersions("golang.org/toolchain", optionsFor(first))).toEqual([]);
    expect(first.seen[0]?.path).toBe("/golang.org/toolchain/@v/list");
  });

  test("another proxy is asked after a failure only where GOPROXY says |", async () => {
    const broken = await start((_, response) => answer(response, 500));
    const good = await start((_, response) => answer(response, 200, {}, "v1.0.0\n"));
    const find = (separator: string) =>
      findGoVersions(
        "example.org/tool",
        optionsFor(broken, { GOPROXY: `${broken.url}${separator}${good.url}` }),
      );
    expect(await find("|")).toEqual(["v1.0.0"]);
    await expect(find(",")).rejects.toMatchObject({ code: "DEVENV_GOPROXY_UNAVAILABLE" });
    expect(await hasGoVersion("example.org/tool", "v1.0.0", optionsFor(good))).toBe(true);
  });

  test("that are none, or that no proxy is asked for", async () => {
    const server = await start((_, response) => answer(response, 200, {}, "<html>Log in</html>\n"));
    await expect(findGoVersions("example.org/tool", optionsFor(server))).rejects.toMatchObject({
      code: "DEVENV_GOPROXY_METADATA",
      hint: "Is GOPROXY the address of a module proxy?",
    });
    await expect(
      findGoVersions("example.org/tool", optionsFor(server, { GOPROXY: "direct" })),
    ).rejects.toMatchObject({
      code: "DEVENV_GOPROXY_UNAVAILABLE",
      message: "$GOPROXY: names no module proxy",
    });
  });

  test("are there or not, listed or not", async () => {
    const server = await start((request, response) =>
      answer(
        response,
        request.url?.includes("refused") ? 403 : request.url?.includes("v1") ? 200 : 404,
        {},
        "{}",
      ),
    );
    expect(await hasGoVersion("example.org/Tool", "v1.0.0", optionsFor(server))).toBe(true);
    expect(await hasGoVersion("example.org/Tool", "v2.0.0", optionsFor(server))).toBe(false);
    expect(await hasGoVersion("example.org/Tool", "v1.0.0-refused", optionsFor(server))).toBe(false);
    expect(server.seen[0]?.path).toBe("/example.org/!tool/@v/v1.0.0.info");
  });
});

describe("the proxy that this host has", () => {
  test("proves the checksum that the go command knows for Go 1.22.5", async () => {
    const version = "v0.0.1-go1.22.5.linux-amd64";
    expect(await findGoVersions("golang.org/toolchain")).toContain(version);
    expect(await lookUpModule("golang.org/toolchain", version)).toEqual({
      sum: "h1:LQChnsjY/4sr12W+7pci1Qg1+X/n7vmLOOaq2aTBG0w=",
      path: `golang.org/toolchain/@v/${version}.zip`,
    });
  });
});

function replaced(body: Buffer, from: string, to: string): Buffer {
  const text = body.toString("utf8");
  if (!text.includes(from)) throw new Error(`nothing to replace: ${from}`);
  return Buffer.from(text.replace(from, to));
}

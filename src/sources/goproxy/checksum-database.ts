import { DevenvError } from "../../errors.ts";
import { type Fetched, fetchWhole } from "../fetch.ts";
import { quoteForeign } from "../registry/redact.ts";
import { escaped, isMissing } from "./ask.ts";
import { openNote } from "./note.ts";
import { type ChecksumDatabase, checksumDatabase, type GoOptions, goProxies } from "./settings.ts";
import { holdsRecord, parseTree, type Tile, tilePath } from "./tree.ts";

/** Bytes; records have some hundred, tiles 8192. */
const largestAnswer = 1024 * 1024;

/** What go.sum would hold of a module, and where it can be had. */
export interface GoModule {
  /** `h1:` and base64. */
  readonly sum: string;
  /** Path of the .zip below a proxy's URL. */
  readonly path: string;
}

/**
 * The checksum of a module's content as the checksum database has it (go.dev/ref/mod, "Checksum database"), asked
 * through a proxy that passes it on, else directly: the record is in the tree, and the tree is signed by the database's
 * key. Undefined when the database knows no such version.
 *
 * @throws DevenvError `DEVENV_GOPROXY_UNAVAILABLE`, also when the user's settings say that nothing is to be asked;
 * `DEVENV_GOPROXY_CHECKSUM` when what the database says is not proved.
 */
export async function lookUpModule(
  module: string,
  version: string,
  options: GoOptions = {},
): Promise<GoModule | undefined> {
  const database = checksumDatabase(module, options);
  if (database === undefined) {
    throw new DevenvError(
      "DEVENV_GOPROXY_UNAVAILABLE",
      `${module}: GOSUMDB or GONOSUMDB says not to check it`,
      {
        hint: "Without the checksum database nothing says which content is the right one.",
      },
    );
  }
  let failure: unknown;
  for (const server of serversOf(database, options)) {
    try {
      const record = await lookUp(server, database, module, version, options);
      return record === undefined
        ? undefined
        : { sum: record, path: `${escaped(module)}/@v/${escaped(version)}.zip` };
    } catch (error) {
      if (!(error instanceof DevenvError) || error.code !== "DEVENV_GOPROXY_UNAVAILABLE") throw error;
      failure ??= error;
    }
  }
  throw failure;
}

interface Server {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** A proxy that passes the database on, which not every one does. */
  readonly proxied: boolean;
}

function serversOf({ key, url }: ChecksumDatabase, options: GoOptions): Server[] {
  const proxied = goProxies(options).map((proxy) => ({
    url: `${proxy.url}/sumdb/${key.name}`,
    headers: proxy.headers,
    proxied: true,
  }));
  return [...proxied, { url, headers: {}, proxied: false }];
}

async function lookUp(
  server: Server,
  { key }: ChecksumDatabase,
  module: string,
  version: string,
  options: GoOptions,
): Promise<string | undefined> {
  const url = `${server.url}/lookup/${escaped(module)}@${escaped(version)}`;
  const answer = await ask(url, server, options);
  if (isMissing(answer)) {
    // A proxy that does not pass the database on says the same.
    if (!server.proxied || (await ask(`${server.url}/supported`, server, options)).status === 200)
      return undefined;
    throw unavailable(url, answer);
  }
  if (answer.status !== 200) throw unavailable(url, answer);
  const unproved = (reason: string) =>
    new DevenvError("DEVENV_GOPROXY_CHECKSUM", `${url}: ${reason}`, {
      hint: "The answer was changed on its way, or GOSUMDB names another database. Try another proxy.",
    });
  const text = answer.bytes.toString("utf8");
  const [, number = "", record = "", note = ""] = /^(\d{1,15})\n((?:[^\n]+\n)+)\n([\s\S]*)$/.exec(text) ?? [];
  const opened = openNote(note, key);
  if (opened === undefined) throw unproved(`the tree is not signed by ${key.name}`);
  const tree = parseTree(opened);
  if (tree === undefined) throw unproved("what is signed is no tree");
  const readTile = tileReader(server, options);
  if (!(await holdsRecord(tree, Number(number), Buffer.from(record), readTile)))
    throw unproved("the signed tree does not hold the record");
  const sums = record.split("\n").flatMap((line) => {
    const [name, lineVersion, sum = ""] = line.split(" ");
    return name === module && lineVersion === version && /^h1:[A-Za-z0-9+/]{43}=$/.test(sum) ? [sum] : [];
  });
  const [sum] = sums;
  if (sum === undefined || sums.length > 1)
    throw unproved(`the record is about ${quoteForeign(record.split("\n")[0] ?? "", 100)}`);
  return sum;
}

function tileReader(server: Server, options: GoOptions): (tile: Tile) => Promise<Buffer> {
  const read = new Map<string, Promise<Buffer>>();
  return (tile) => {
    const path = tilePath(tile);
    const known = read.get(path) ?? readTile(server, tile, options);
    read.set(path, known);
    return known;
  };
}

/** A tile that has filled up since is no longer there in the width it had. */
async function readTile(server: Server, tile: Tile, options: GoOptions): Promise<Buffer> {
  const url = `${server.url}/${tilePath(tile)}`;
  let answer = await ask(url, server, options);
  if (isMissing(answer) && tile.width < 256)
    answer = await ask(`${server.url}/${tilePath({ ...tile, width: 256 })}`, server, options);
  if (answer.status !== 200) throw unavailable(url, answer);
  if (answer.bytes.length < tile.width * 32) {
    throw new DevenvError("DEVENV_GOPROXY_CHECKSUM", `${url}: the tile has less than ${tile.width} hashes`);
  }
  return answer.bytes;
}

function ask(url: string, { headers }: Server, { patience, signal }: GoOptions): Promise<Fetched> {
  return fetchWhole(url, {
    code: "DEVENV_GOPROXY_UNAVAILABLE",
    limit: largestAnswer,
    headers,
    patience,
    signal,
  });
}

function unavailable(url: string, { status }: Fetched): DevenvError {
  return new DevenvError("DEVENV_GOPROXY_UNAVAILABLE", `GET ${url}: HTTP status ${status}`, {
    hint: "Check the network, or set another proxy in GOPROXY.",
  });
}

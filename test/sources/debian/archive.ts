import { createHash } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { createCleartextMessage, generateKey, type PrivateKey, sign } from "openpgp";

/** A key pair made for a test. */
export interface TestKey {
  readonly privateKey: PrivateKey;
  readonly publicKey: string;
}

/** The day the tests live in: their archives are made shortly before it. */
export const today = new Date("2025-03-01T12:00:00Z");

export async function makeKey(name = "Archive of a test"): Promise<TestKey> {
  const { privateKey, publicKey } = await generateKey({
    userIDs: [{ name }],
    date: new Date("2025-01-01T00:00:00Z"),
    format: "object",
  });
  return { privateKey, publicKey: publicKey.armor() };
}

type StanzaFields = Readonly<Record<string, string> & { Architecture?: string }>;

/** The stanza of a package; `fields` adds some or replaces those that are there. */
export function stanza(name: string, version: string, fields: StanzaFields = {}): string {
  const architecture = fields.Architecture ?? "amd64";
  const all: Record<string, string> = {
    Package: name,
    Version: version,
    Architecture: architecture,
    Priority: "optional",
    Filename: `pool/main/${name.slice(0, 1)}/${name}/${name}_${version}_${architecture}.deb`,
    Size: "1234",
    SHA256: sha256(`${name} ${version} ${architecture}`),
    ...fields,
  };
  return `${Object.entries(all)
    .map(([field, value]) => `${field}: ${value}\n`)
    .join("")}\n`;
}

/** What {@link TestArchive.publish} publishes. */
export interface TestRelease {
  /** The text of the Packages file, or the file itself as `Packages.xz` and its text. */
  readonly packages: Readonly<Record<string, string | { readonly xz: Buffer; readonly text: string }>>;
  /** The texts of the Contents files, by architecture. */
  readonly contents?: Readonly<Record<string, string>>;
  readonly date?: Date;
  readonly validUntil?: Date;
  readonly codename?: string;
  readonly byHash?: boolean;
  /** Fields of the release, as lines. */
  readonly extra?: string;
}

/** An archive on a loopback port, with all that a test wants to be wrong with it. */
export class TestArchive {
  /** What is served, by path without a leading slash. */
  readonly files = new Map<string, Buffer>();
  /** Status to answer with instead, by path. */
  readonly statuses = new Map<string, number>();
  /** Paths that were asked for, with the status of the answer. */
  readonly requests: string[] = [];
  validators: "etag" | "last-modified" | "none" = "etag";
  readonly #keys: readonly TestKey[];
  readonly #server: Server;

  private constructor(keys: readonly TestKey[]) {
    this.#keys = keys;
    this.#server = createServer((request, response) => {
      const path = (request.url ?? "").slice(1);
      const content = this.files.get(path);
      const headers = content === undefined ? {} : this.#validatorsOf(content);
      const isKnown =
        ("etag" in headers && request.headers["if-none-match"] === headers.etag) ||
        ("last-modified" in headers && request.headers["if-modified-since"] === headers["last-modified"]);
      const status = this.statuses.get(path) ?? (content === undefined ? 404 : isKnown ? 304 : 200);
      this.requests.push(`${status} ${path}`);
      response.writeHead(status, headers).end(status === 200 ? content : undefined);
    });
  }

  static async start(...keys: TestKey[]): Promise<TestArchive> {
    const archive = new TestArchive(keys);
    await new Promise<void>((resolve) => archive.#server.listen(0, "127.0.0.1", resolve));
    return archive;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Publishes a suite, signed by all keys of the archive. */
  async publish(suite: string, release: TestRelease): Promise<void> {
    const lines: string[] = [];
    const add = (path: string, content: Buffer) => {
      const digest = sha256(content);
      lines.push(` ${digest} ${String(content.length).padStart(8)} ${path}`);
      this.files.set(`dists/${suite}/${path}`, content);
      if (release.byHash !== true) return;
      this.files.set(
        `dists/${suite}/${path.slice(0, path.lastIndexOf("/"))}/by-hash/SHA256/${digest}`,
        content,
      );
    };
    for (const [architecture, packages] of Object.entries(release.packages)) {
      const path = `main/binary-${architecture}/Packages`;
      add(path, Buffer.from(typeof packages === "string" ? packages : packages.text));
      // As Debian does it: the uncompressed file is listed and not there.
      this.files.delete(`dists/${suite}/${path}`);
      if (typeof packages === "string") add(`${path}.gz`, gzipSync(packages));
      else add(`${path}.xz`, packages.xz);
    }
    for (const [architecture, contents] of Object.entries(release.contents ?? {})) {
      const path = `main/Contents-${architecture}`;
      add(path, Buffer.from(contents));
      this.files.delete(`dists/${suite}/${path}`);
      add(`${path}.gz`, gzipSync(contents));
    }
    const text = [
      "Origin: Debian",
      `Codename: ${release.codename ?? suite}`,
      `Date: ${(release.date ?? new Date(today.getTime() - 3_600_000)).toUTCString().replace("GMT", "UTC")}`,
      ...(release.validUntil === undefined ? [] : [`Valid-Until: ${release.validUntil.toUTCString()}`]),
      `Acquire-By-Hash: ${release.byHash === true ? "yes" : "no"}`,
      ...(release.extra === undefined ? [] : [release.extra]),
      "SHA256:",
      ...lines,
      "",
    ].join("\n");
    await this.publishText(suite, text);
  }

  async publishText(suite: string, text: string): Promise<void> {
    const signed = await sign({
      message: await createCleartextMessage({ text }),
      signingKeys: this.#keys.map((key) => key.privateKey),
      date: new Date("2025-02-01T00:00:00Z"),
    });
    this.files.set(`dists/${suite}/InRelease`, Buffer.from(signed));
  }

  #validatorsOf(content: Buffer): { etag: string } | { "last-modified": string } | Record<string, never> {
    const digest = sha256(content);
    if (this.validators === "etag") return { etag: `"${digest}"` };
    if (this.validators === "none") return {};
    return { "last-modified": new Date(Number.parseInt(digest.slice(0, 8), 16) * 1000).toUTCString() };
  }
}

export function sha256(content: string | Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

import { createHash } from "node:crypto";
import { DevenvError } from "../../errors.ts";
import {
  backOff,
  defaultPatience,
  type HttpResponse,
  httpGet,
  isTemporary,
  retryAfter,
} from "../../store/index.ts";

/** A file as a server gave it. */
export interface Fetched {
  readonly content: Buffer;
  /** Hexadecimal. */
  readonly sha256: string;
  /** What a later request is made conditional with. */
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
}

/** How {@link fetchFile} asks. */
export interface FetchOptions {
  /** An answer longer than this is refused. */
  readonly maximumSize: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Fetches a small file into memory, tries again when the failure may pass.
 *
 * @returns `undefined` for 304 (not modified, RFC 9110 section 15.4.5).
 * @throws DevenvError `DEVENV_ARCHIVE_UNREACHABLE` without an answer or for any other status than 200,
 *   `DEVENV_ARCHIVE_ALTERED` when the answer is too long.
 */
export async function fetchFile(url: string, options: FetchOptions): Promise<Fetched | undefined> {
  const patience = { ...defaultPatience, tries: 3 };
  for (let tries = 1; ; tries++) {
    let asked: number | undefined;
    let failure: DevenvError;
    try {
      const response = await httpGet(url, options.headers ?? {}, { stall: patience.stall });
      if (response.status === 200) return await receive(response, url, options.maximumSize);
      await response.body.dump();
      if (response.status === 304) return undefined;
      failure = unreachable(url, `the server answers with status ${response.status}`);
      if (!isTemporary(response.status)) throw failure;
      asked = retryAfter(response.header("retry-after"), Date.now());
    } catch (error) {
      if (error instanceof DevenvError) throw error;
      failure = unreachable(url, error instanceof Error ? error.message : String(error), error);
    }
    if (tries >= patience.tries || (asked ?? 0) > patience.longestDelay) throw failure;
    await backOff(tries, patience, asked, undefined);
  }
}

async function receive(response: HttpResponse, url: string, maximumSize: number): Promise<Fetched> {
  const hash = createHash("sha256");
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of response.body as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > maximumSize) {
      throw new DevenvError("DEVENV_ARCHIVE_ALTERED", `${url}: is longer than ${maximumSize} bytes`);
    }
    hash.update(part);
    parts.push(part);
  }
  return {
    content: Buffer.concat(parts, length),
    sha256: hash.digest("hex"),
    etag: response.header("etag"),
    lastModified: response.header("last-modified"),
  };
}

function unreachable(url: string, what: string, cause?: unknown): DevenvError {
  return new DevenvError("DEVENV_ARCHIVE_UNREACHABLE", `${url}: ${what}`, {
    hint: "Check the network, or set another mirror with DEVENV_DEBIAN_MIRROR and DEVENV_DEBIAN_SECURITY_MIRROR.",
    cause,
  });
}

/**
 * Tries mirrors in turn. Whatever is wrong with one, also a bad signature, the next may be right, for nothing is
 * believed unchecked.
 *
 * @throws what the first mirror that answered got wrong, or `DEVENV_ARCHIVE_UNREACHABLE` when none did.
 */
export async function firstOf<T>(
  mirrors: readonly string[],
  attempt: (mirror: string) => Promise<T>,
): Promise<T> {
  const failures: DevenvError[] = [];
  for (const mirror of mirrors) {
    try {
      return await attempt(mirror);
    } catch (error) {
      if (!(error instanceof DevenvError)) throw error;
      failures.push(error);
    }
  }
  const wrong = failures.find((failure) => failure.code !== "DEVENV_ARCHIVE_UNREACHABLE");
  if (wrong !== undefined) throw wrong;
  if (failures.length === 1 && failures[0] !== undefined) throw failures[0];
  throw new DevenvError(
    "DEVENV_ARCHIVE_UNREACHABLE",
    `no mirror can be reached:\n${failures.map(({ message }) => `  ${message}`).join("\n")}`,
    failures[0]?.hint === undefined ? {} : { hint: failures[0].hint },
  );
}

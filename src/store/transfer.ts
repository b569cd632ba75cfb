import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { DevenvError } from "../errors.ts";
import { backOff, type HttpResponse, httpGet, isTemporary, type Patience, retryAfter } from "./http.ts";

/** A file known by its digest before it is there. */
export interface DownloadItem {
  /** For messages. */
  readonly name: string;
  /** Hexadecimal. */
  readonly sha256: string;
  readonly size: number;
  /** Tried in this order. */
  readonly urls: readonly string[];
}

export interface TransferOptions {
  readonly patience: Patience;
  readonly signal?: AbortSignal | undefined;
  /** Told how many bytes there are now; fewer than before when a transfer had to start over. */
  readonly onLength: (length: number) => void;
}

/** What one try came to. */
type Outcome =
  | { readonly kind: "done" }
  /** The same mirror may do better. */
  | { readonly kind: "again"; readonly reason: string; readonly after?: number | undefined }
  /** It will not. */
  | { readonly kind: "useless"; readonly reason: string };

/** The file as far as it is there, with the hash of exactly that. */
interface Partial {
  readonly handle: FileHandle;
  hash: Hash;
  length: number;
  /** Its bytes come from more than one answer, so when they are wrong no one mirror is to blame. */
  mixed: boolean;
}

/** However much a mirror brings with each try, it is not asked more often than this. */
const triesAtMost = 50;

/**
 * Brings one file to `path`, going on from what is there already. Every byte is hashed as it comes. It resolves only
 * when size and SHA-256 are right, and leaves what it has at `path` otherwise.
 *
 * @throws DevenvError `DEVENV_DOWNLOAD` when no mirror has it, with what each of them answered.
 */
export async function transfer(item: DownloadItem, path: string, options: TransferOptions): Promise<void> {
  const partial = await openPartial(path, item);
  try {
    options.onLength(partial.length);
    if (partial.length === item.size) return;
    const failures: string[] = [];
    for (const url of item.urls) {
      const failure = await tryMirror(item, url, partial, options);
      if (failure === undefined) return;
      failures.push(`${url}: ${failure}`);
    }
    throw new DevenvError(
      "DEVENV_DOWNLOAD",
      [`${item.name}: cannot be downloaded`, ...failures].join("\n  "),
      { hint: "Check the network, or set another mirror." },
    );
  } finally {
    await partial.handle.close();
  }
}

/** Undefined when the file is complete and right, else why this mirror could not bring it. */
async function tryMirror(
  item: DownloadItem,
  url: string,
  partial: Partial,
  options: TransferOptions,
): Promise<string | undefined> {
  const { patience, signal } = options;
  let fruitless = 0;
  for (let tries = 1; ; tries++) {
    const before = partial.length;
    const outcome = await tryOnce(item, url, partial, options);
    signal?.throwIfAborted();
    if (outcome.kind === "done") return undefined;
    fruitless = partial.length > before ? 1 : fruitless + 1;
    const asksTooMuch = outcome.kind === "again" && (outcome.after ?? 0) > patience.longestDelay;
    if (outcome.kind === "useless" || asksTooMuch || fruitless >= patience.tries || tries >= triesAtMost) {
      return outcome.reason;
    }
    await backOff(fruitless, patience, outcome.after, signal);
  }
}

async function tryOnce(
  item: DownloadItem,
  url: string,
  partial: Partial,
  options: TransferOptions,
): Promise<Outcome> {
  let response: HttpResponse;
  try {
    const range: Record<string, string> = partial.length > 0 ? { range: `bytes=${partial.length}-` } : {};
    response = await httpGet(url, range, { stall: options.patience.stall, signal: options.signal });
  } catch (error) {
    if (error instanceof DevenvError) throw error;
    return { kind: "again", reason: describe(error) };
  }
  const refusal = await judge(response, item, partial);
  if (refusal !== undefined) {
    // Nobody reads the rest; its error would otherwise be nobody's.
    response.body.on("error", () => {}).destroy();
    options.onLength(partial.length);
    return refusal;
  }
  return receive(response, item, partial, options);
}

/** Undefined when the body is exactly what is missing. */
async function judge(
  response: HttpResponse,
  item: DownloadItem,
  partial: Partial,
): Promise<Outcome | undefined> {
  const { status } = response;
  if (status === 206 && partial.length > 0) {
    const got = response.header("content-range");
    if (got === `bytes ${partial.length}-${item.size - 1}/${item.size}`) {
      partial.mixed = true;
      return undefined;
    }
    const from = partial.length;
    await startOver(partial);
    return {
      kind: "again",
      reason: `asked for the bytes from ${from} on, it sent ${got ?? "no Content-Range"}`,
    };
  }
  if (status === 200) {
    const length = response.header("content-length");
    if (length !== undefined && length !== String(item.size)) {
      return { kind: "useless", reason: `the file has ${length} bytes there instead of ${item.size}` };
    }
    // The server knows no ranges and sends everything.
    if (partial.length > 0) await startOver(partial);
    return undefined;
  }
  if (status === 416 && partial.length > 0) {
    await startOver(partial);
    return { kind: "again", reason: "HTTP status 416" };
  }
  if (!isTemporary(status)) return { kind: "useless", reason: `HTTP status ${status}` };
  return {
    kind: "again",
    reason: `HTTP status ${status}`,
    after: retryAfter(response.header("retry-after"), Date.now()),
  };
}

async function receive(
  response: HttpResponse,
  item: DownloadItem,
  partial: Partial,
  options: TransferOptions,
): Promise<Outcome> {
  const chunks = response.body[Symbol.asyncIterator]();
  for (;;) {
    let next: IteratorResult<Buffer>;
    try {
      next = await chunks.next();
    } catch (error) {
      return { kind: "again", reason: `${describe(error)} after ${partial.length} of ${item.size} bytes` };
    }
    if (next.done) break;
    if (partial.length + next.value.length > item.size) {
      await chunks.return?.();
      await startOver(partial);
      return { kind: "useless", reason: `the file has more than ${item.size} bytes there` };
    }
    partial.hash.update(next.value);
    await writeAll(partial.handle, next.value, partial.length);
    partial.length += next.value.length;
    options.onLength(partial.length);
  }
  if (partial.length < item.size) {
    return { kind: "again", reason: `the connection ended after ${partial.length} of ${item.size} bytes` };
  }
  const digest = partial.hash.digest("hex");
  if (digest === item.sha256) return { kind: "done" };
  const { mixed } = partial;
  await startOver(partial);
  options.onLength(0);
  return { kind: mixed ? "again" : "useless", reason: `the file has another SHA-256 there: ${digest}` };
}

async function writeAll(handle: FileHandle, chunk: Buffer, position: number): Promise<void> {
  for (let written = 0; written < chunk.length; ) {
    const { bytesWritten } = await handle.write(chunk, written, chunk.length - written, position + written);
    written += bytesWritten;
  }
}

async function openPartial(path: string, item: DownloadItem): Promise<Partial> {
  const handle = await open(path, "a+", 0o600).then(async (created) => {
    await created.close();
    return open(path, "r+");
  });
  const partial: Partial = { handle, hash: createHash("sha256"), length: 0, mixed: false };
  for await (const chunk of handle.createReadStream({ start: 0, autoClose: false })) {
    partial.hash.update(chunk as Buffer);
    partial.length += (chunk as Buffer).length;
  }
  partial.mixed = partial.length > 0;
  const complete = partial.length === item.size;
  const wrong = complete && partial.hash.copy().digest("hex") !== item.sha256;
  if (wrong || partial.length > item.size) await startOver(partial);
  return partial;
}

async function startOver(partial: Partial): Promise<void> {
  await partial.handle.truncate(0);
  partial.hash = createHash("sha256");
  partial.length = 0;
  partial.mixed = false;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return error.message || code || error.name;
}

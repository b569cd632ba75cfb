import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** What a test's server does with one request; `count` is how many came before it for the same path. */
export type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

export interface TestServer {
  url(path: string): string;
  /** The Range header, or undefined, of each request in the order they came. */
  readonly ranges: (string | undefined)[];
  close(): Promise<void>;
}

export async function startServer(handler: Handler): Promise<TestServer> {
  const ranges: (string | undefined)[] = [];
  const counts = new Map<string, number>();
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    const count = counts.get(path) ?? 0;
    counts.set(path, count + 1);
    ranges.push(request.headers.range);
    handler(request, response, count);
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: (path) => `http://127.0.0.1:${port}${path}`,
    ranges,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

/** Answers as a good server does, with ranges. */
export function serve(content: Buffer, request: IncomingMessage, response: ServerResponse): void {
  const from = rangeStart(request);
  if (from === undefined) {
    response.writeHead(200, { "content-length": content.length }).end(content);
    return;
  }
  const rest = content.subarray(from);
  response
    .writeHead(206, {
      "content-length": rest.length,
      "content-range": `bytes ${from}-${content.length - 1}/${content.length}`,
    })
    .end(rest);
}

/** Announces everything, or everything from the range on, sends `bytes` of it and breaks the connection. */
export function breakAfter(
  bytes: number,
  content: Buffer,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const from = rangeStart(request) ?? 0;
  const rest = content.subarray(from);
  const headers = { "content-length": rest.length };
  if (from === 0) response.writeHead(200, headers);
  else {
    const range = `bytes ${from}-${content.length - 1}/${content.length}`;
    response.writeHead(206, { ...headers, "content-range": range });
  }
  response.write(rest.subarray(0, bytes), () => setTimeout(() => response.destroy(), 20));
}

function rangeStart(request: IncomingMessage): number | undefined {
  const match = /^bytes=(\d+)-$/.exec(request.headers.range ?? "");
  return match?.[1] === undefined ? undefined : Number(match[1]);
}

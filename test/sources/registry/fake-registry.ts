import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { afterEach } from "vitest";
import {
  openRegistries,
  parseReference,
  type RegistryClient,
  type RegistryClientOptions,
  type Repository,
} from "../../../src/sources/registry/index.ts";

/** Does with one request what the test wants; `count` is how many came before it for the same path. */
export type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

/** A request as it came. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly range: string | undefined;
  readonly accept: string | undefined;
}

/** A server that does what a healthy registry never does. */
export interface FakeRegistry {
  readonly url: string;
  /** `127.0.0.1:PORT` */
  readonly name: string;
  readonly repository: Repository;
  readonly seen: Seen[];
  stop(): Promise<void>;
}

/** Starts servers for the tests of one file, and stops them after each test. */
export function fakeRegistries(): (handler: Handler) => Promise<FakeRegistry> {
  const running: FakeRegistry[] = [];
  afterEach(async () => {
    await Promise.all(running.splice(0).map((server) => server.stop()));
  });
  return async (handler) => {
    const server = await startFakeRegistry(handler);
    running.push(server);
    return server;
  };
}

export async function startFakeRegistry(handler: Handler): Promise<FakeRegistry> {
  const seen: Seen[] = [];
  const counts = new Map<string, number>();
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    const key = `${request.method} ${path}`;
    const count = counts.get(key) ?? 0;
    counts.set(key, count + 1);
    const { authorization, range, accept } = request.headers;
    seen.push({ method: request.method ?? "", path, authorization, range, accept });
    handler(request, response, count);
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const name = `127.0.0.1:${port}`;
  return {
    url: `http://${name}`,
    name,
    repository: { registry: name, repository: "acme/tool" },
    seen,
    stop: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

/** Patience that tests can wait for. */
export const quick = { tries: 3, firstDelay: 1, longestDelay: 2_000, stall: 1_000 };

/** A client that sees nothing of the user who runs the tests. */
export function testClient(options: RegistryClientOptions = {}): RegistryClient {
  return openRegistries({ environment: { HOME: "/nonexistent" }, patience: quick, ...options });
}

export function referenceTo(registry: { readonly name: string }, rest: string) {
  return parseReference(`${registry.name}/${rest}`);
}

export function answer(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string | number | readonly string[]>> = {},
  body: string | Uint8Array = "",
): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.writeHead(status).end(body);
}

import { execFileSync } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { readFileSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Tester } from "../sandbox/host.ts";

/**
 * Addresses of this machine that are neither loopback nor what a private network calls its own: of the networks for
 * documentation, RFC 5737 and 3849, and of this process alone.
 */
export const otherAddress = `198.51.100.${1 + (process.pid % 254)}`;
export const otherAddress6 = `2001:db8::${process.pid.toString(16)}`;

/** Gives this machine these addresses until {@link removeOtherAddresses}. */
export function addOtherAddresses(): void {
  for (const address of [`${otherAddress}/32`, `${otherAddress6}/128`])
    execFileSync("ip", ["address", "add", address, "dev", "lo"]);
}

export function removeOtherAddresses(): void {
  for (const address of [`${otherAddress}/32`, `${otherAddress6}/128`])
    execFileSync("ip", ["address", "delete", address, "dev", "lo"]);
}

/** Whether this machine has a way out for IPv6: without one private networks have none either. */
export function hasRoute6(): boolean {
  const routes = readFileSync("/proc/net/ipv6_route", "utf8").split("\n");
  return routes.some((line) => /^0{32} 00 /.test(line) && !line.trim().endsWith(" lo"));
}

/** Answers every connection with a line, and ends it. */
export async function serve(where: { host: string; port?: number } | string, line: string): Promise<Server> {
  const server = createServer((client) => {
    client.on("error", () => {});
    client.end(`${line}\n`);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    if (typeof where === "string") server.listen(where, resolve);
    else server.listen(where.port ?? 0, where.host, resolve);
  });
  return server;
}

export function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("Assertion failed: no port");
  return address.port;
}

/** A port of the host that nobody has at this moment. */
export async function freePort(): Promise<number> {
  const server = await serve({ host: "127.0.0.1" }, "");
  const port = portOf(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** What comes from a port of the host's loopback after a line was sent; an error's code when there is nobody. */
export async function ask(host: string, port: number, line: string): Promise<string> {
  return await new Promise((resolve) => {
    let answer = "";
    const socket = connect(port, host, () => socket.end(`${line}\n`));
    socket.on("data", (piece: Buffer) => (answer += piece.toString()));
    socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "error"));
    socket.on("close", () => resolve(answer));
  });
}

/** Asks until the answer is this one. */
export async function askUntil(host: string, port: number, expected: string): Promise<void> {
  let answer = "";
  for (const end = Date.now() + 30_000; Date.now() < end; await sleep(50)) {
    answer = await ask(host, port, "hello");
    if (answer === expected) return;
  }
  throw new Error(`${host}:${port} answered ${JSON.stringify(answer)}`);
}

/** A server of names that answers every question with one address. */
export async function serveNames(host: string, answer: string): Promise<Socket> {
  const socket = createSocket("udp4");
  socket.on("message", (question, from) => {
    // RFC 1035, 4.1: the header, the question again, and for type A one record that points back to its name.
    const end = question.indexOf(0, 12) + 5;
    const isForAddress = question.readUInt16BE(end - 4) === 1;
    const header = Buffer.from(question.subarray(0, 12));
    header.writeUInt16BE(0x8180, 2);
    header.writeUInt16BE(isForAddress ? 1 : 0, 6);
    header.fill(0, 8, 12);
    const record = Buffer.from([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...answer.split(".").map(Number)]);
    const parts = [header, question.subarray(12, end), ...(isForAddress ? [record] : [])];
    socket.send(Buffer.concat(parts), from.port, from.address);
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(53, host, resolve);
  });
  return socket;
}

/** Words that run a command as a tester on this host, only that files of it are others: `[instead, file]`. */
export function elsewhere(
  { uid, gid }: Tester,
  files: readonly (readonly [instead: string, file: string])[],
  command: readonly string[],
): string[] {
  const mounts = files.map(([instead, file]) => `mount --bind '${instead}' '${file}'`);
  const user = `exec setpriv --reuid ${uid} --regid ${gid} --clear-groups -- "$@"`;
  return ["unshare", "--mount", "sh", "-ec", [...mounts, user].join("\n"), "sh", ...command];
}

/** The process that looks after a network, and those that it started. */
export function processesOf(stateFile: string): { watcher: number; children: number[] } {
  const watcher = Number(readFileSync(stateFile, "utf8").split(" ")[0]);
  const children = readFileSync(`/proc/${watcher}/task/${watcher}/children`, "utf8").trim().split(" ");
  return { watcher, children: children.filter((word) => word !== "").map(Number) };
}

/** Whether a process runs, zombies not counted. */
export function isRunning(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

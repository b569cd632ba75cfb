import { readFile } from "node:fs/promises";
import { findNodeAtLocation, getNodeValue, type Node } from "jsonc-parser";
import { isDay } from "../day.ts";
import { DevenvError } from "../errors.ts";
import { checkLayers, layersOf } from "./layers.ts";
import { checkPorts, portOf } from "./ports.ts";
import { configurationError, type Problem } from "./problem.ts";
import { type ConfigurationFile, configSchema } from "./schema.ts";
import { arrayMember, parseSyntax, stringMember } from "./syntax.ts";
import type {
  Base,
  Configuration,
  DebianSuite,
  LanguageRequest,
  Limits,
  LoadedConfiguration,
} from "./types.ts";
import { validate } from "./validate.ts";

/** Reads and checks a configuration; see {@link parseConfiguration}. */
export async function readConfiguration(file: string): Promise<LoadedConfiguration> {
  const text = decode(await readBytes(file), file);
  return { file, text, configuration: parseConfiguration(text, file) };
}

/**
 * Checks the text of a configuration and fills in the defaults.
 *
 * @throws DevenvError `DEVENV_CONFIG_INVALID` that lists every mistake with its line and column.
 */
export function parseConfiguration(text: string, file: string): Configuration {
  const { root, problems } = parseSyntax(text);
  if (root === undefined || problems.length > 0) {
    // What could not be parsed may hold what seems missing, so only mistakes that stand there are named as well.
    const inside = root === undefined ? [] : checkAll(root).filter(({ missing }) => !missing);
    throw configurationError(file, text, [...problems, ...inside]);
  }
  const mistakes = checkAll(root);
  if (mistakes.length > 0) throw configurationError(file, text, mistakes);
  return normalise(getNodeValue(root) as ConfigurationFile);
}

function checkAll(root: Node): Problem[] {
  return [
    ...validate(root, configSchema),
    ...checkDay(root),
    ...checkLayers(root),
    ...checkTargets(root),
    ...checkLimits(root),
    ...checkPorts(root),
  ];
}

/** What a pattern cannot say: there is no 31st of April. */
function checkDay(root: Node): Problem[] {
  const node = stringMember(root, "asOf");
  const day = String(node?.value);
  if (node === undefined || isDay(day) || !/^\d{4}-\d{2}-\d{2}$/.test(day)) return [];
  const message = `asOf: found ${JSON.stringify(day)}, expected a day that the calendar has`;
  return [{ offset: node.offset, message }];
}

const targetPattern = new RegExp(configSchema.properties.mounts.items.properties.target.pattern, "u");
const reservedTargets = ["/proc", "/sys", "/dev", "/run/devenv"];

/** What the schema cannot say: no target hides what the environment itself needs, none is used twice. */
function checkTargets(root: Node): Problem[] {
  const name = stringMember(root, "name")?.value;
  const project = typeof name === "string" ? `/workspaces/${name}` : "/workspaces";
  const seen = new Set<string>();
  const problems: Problem[] = [];
  for (const mount of arrayMember(root, "mounts")) {
    const node = stringMember(mount, "target");
    if (node === undefined) continue;
    const target = String(node.value);
    if (!targetPattern.test(target)) continue;
    const absolute = target.replace(/^~/, "/home/dev");
    const complain = (why: string): void => {
      problems.push({
        offset: node.offset,
        message: `mounts: found the target ${JSON.stringify(target)}, ${why}`,
      });
    };
    if (reservedTargets.some((reserved) => absolute === reserved || absolute.startsWith(`${reserved}/`)))
      complain("expected one outside /proc, /sys, /dev and /run/devenv");
    else if (["/workspaces", project, "/home", "/home/dev"].includes(absolute))
      complain("expected one below it: a volume there would hide the project or the home directory");
    else if (seen.has(absolute)) complain("expected each target once");
    seen.add(absolute);
  }
  return problems;
}

/** Swap alone limits nothing: the kernel counts it beside memory. A file system has parts of its own. */
function checkLimits(root: Node): Problem[] {
  const limits = findNodeAtLocation(root, ["limits"]);
  const at = (name: string): Node | undefined => limits && findNodeAtLocation(limits, [name]);
  const [memory, swap, disk] = [at("memory"), at("swap"), at("disk")];
  const problems: Problem[] = [];
  if (swap !== undefined && memory === undefined)
    problems.push({
      offset: swap.offset,
      message: "limits.swap: found without limits.memory, expected both or memory alone",
    });
  if (disk !== undefined && bytesOf(disk.value as string) < 64 * 1024 * 1024)
    problems.push({
      offset: disk.offset,
      message: `limits.disk: found ${JSON.stringify(disk.value)}, expected at least 64 MiB`,
    });
  return problems;
}

function normalise(file: ConfigurationFile): Configuration {
  const defaults = configSchema.properties;
  return {
    name: file.name,
    base: baseOf(file.base),
    platforms: file.platforms ?? defaults.platforms.default,
    ...(file.asOf === undefined ? {} : { asOf: file.asOf }),
    languages: languagesOf(file.languages ?? defaults.languages.default),
    packages: file.packages ?? defaults.packages.default,
    layers: layersOf(file.layers ?? defaults.layers.default),
    env: file.env ?? defaults.env.default,
    mounts: file.mounts ?? defaults.mounts.default,
    limits: limitsOf(file.limits ?? defaults.limits.default),
    ports: (file.ports ?? defaults.ports.default).map(portOf),
    hostPorts: file.hostPorts ?? defaults.hostPorts.default,
    network: file.network ?? defaults.network.default,
    hooks: file.hooks ?? defaults.hooks.default,
    tasks: file.tasks ?? defaults.tasks.default,
  };
}

function baseOf(base: string): Base {
  if (!base.startsWith("bootstrap:")) return { kind: "image", reference: base };
  return { kind: "bootstrap", distribution: "debian", suite: suiteOf(base) };
}

function suiteOf(base: string): DebianSuite {
  const suite = base.slice("bootstrap:debian/".length);
  if (suite === "bullseye" || suite === "bookworm" || suite === "trixie") return suite;
  throw new Error(`Assertion failed: ${base} passed the checks`);
}

function languagesOf(
  languages: NonNullable<ConfigurationFile["languages"]>,
): Readonly<Record<string, LanguageRequest>> {
  return Object.fromEntries(
    Object.entries(languages).map(([name, request]) => [
      name,
      typeof request === "string" ? { version: request } : request,
    ]),
  );
}

function limitsOf({ io, ...limits }: NonNullable<ConfigurationFile["limits"]>): Limits {
  const { cpus, memory, swap, pids, disk } = limits;
  return {
    ...(cpus === undefined ? {} : { cpus }),
    ...(memory === undefined ? {} : { memory: bytesOf(memory) }),
    ...(disk === undefined ? {} : { disk: bytesOf(disk) }),
    ...(swap === undefined ? {} : { swap: bytesOf(swap) }),
    ...(pids === undefined ? {} : { pids }),
    ...(io?.read === undefined && io?.write === undefined
      ? {}
      : {
          io: {
            ...(io.read === undefined ? {} : { read: rateOf(io.read) }),
            ...(io.write === undefined ? {} : { write: rateOf(io.write) }),
          },
        }),
  };
}

const units: Readonly<Record<string, number>> = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

function bytesOf(size: string): number {
  const unit = units[size.slice(-3)];
  if (unit === undefined) throw new Error(`Assertion failed: ${size} passed the checks`);
  return Math.round(Number(size.slice(0, -3)) * unit);
}

function rateOf(rate: string): number {
  return bytesOf(rate.replace(/\/s$/, ""));
}

async function readBytes(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") {
      throw new DevenvError("DEVENV_CONFIG_UNREADABLE", `${file}: cannot be read`, { cause, usage: true });
    }
    throw new DevenvError("DEVENV_NO_PROJECT", `${file}: no such file`, {
      cause,
      usage: true,
      hint: "`devenv init` writes one.",
    });
  }
}

function decode(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new DevenvError(
      "DEVENV_CONFIG_INVALID",
      `${file}: found bytes that are not UTF-8, expected a text in UTF-8`,
      {
        cause,
        usage: true,
      },
    );
  }
}

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Mirrors, PackageIndex, PackageRecord } from "../../../src/sources/debian/index.ts";
import { debianArchiveKeys } from "../../../src/sources/debian/keys/index.ts";

/** What apt would do to install some packages. */
export interface AptAnswer {
  /** Versions by name of what is installed anew. */
  readonly installed: ReadonlyMap<string, string>;
  /** Versions by name of what takes the place of something older that is there already. */
  readonly upgraded: ReadonlyMap<string, string>;
  /** Names of what is there already and would be removed, or replaced by something older. */
  readonly changed: readonly string[];
  /** What apt says when it refuses. */
  readonly refusal?: string;
}

/** Asks the host's apt, which works in a directory of its own and knows nothing of the host's packages. */
export interface AptOracle {
  /** dpkg's list of what is installed. */
  readonly status: string;
  install(names: readonly string[]): Promise<AptAnswer>;
}

interface OracleOptions {
  /** Must not exist. */
  readonly directory: string;
  /** Apt gets the very same indexes; it is an error when the mirrors have others. */
  readonly index: PackageIndex;
  readonly mirrors: Mirrors;
  /** Armored OpenPGP keys of the archive; Debian's unless given. */
  readonly keys?: readonly string[];
  /** What apt takes for installed already. */
  readonly installed: readonly PackageRecord[];
  /** Makes of dpkg's list of it another one. */
  readonly alter?: (status: string) => string;
}

/** An apt that has the same indexes as `index` and the same installed packages. */
export async function openAptOracle(options: OracleOptions): Promise<AptOracle> {
  const { alter = (status: string) => status, directory, index, installed } = options;
  const environment = await writeConfiguration(directory, index.architecture);
  await updateLists(options, environment);
  const status = alter(await statusOf(directory, installed));
  await writeFile(join(directory, "status"), status);
  await runApt(environment, "apt-cache", ["gencaches"]);
  return {
    status,
    // Apt comes to its answer as for `--simulate`, but does not play through every step of the installation then.
    async install(names) {
      const options = ["--print-uris", "--verbose-versions", "--no-install-recommends"];
      return readAnswer(await run(environment, "apt-get", [...options, "install", ...names]));
    },
  };
}

type Environment = Readonly<Record<string, string | undefined>>;

async function writeConfiguration(directory: string, architecture: string): Promise<Environment> {
  for (const path of [
    "etc/apt.conf.d",
    "etc/preferences.d",
    "lists/partial",
    "cache/archives/partial",
    "log",
  ])
    await mkdir(join(directory, path), { recursive: true });
  await writeFile(join(directory, "status"), "");
  const file = join(directory, "apt.conf");
  const settings: Readonly<Record<string, string>> = {
    "APT::Architecture": architecture,
    "APT::Architectures": architecture,
    "APT::Get::AutomaticRemove": "false",
    // From 2.7 on apt takes the chance to upgrade what is installed of the same source: nobody asked for that.
    "APT::Get::Upgrade-By-Source-Package": "false",
    "APT::Sandbox::User": "root",
    "APT::Solver": "internal",
    "Acquire::Languages": "none",
    "Acquire::http::Proxy::127.0.0.1": "DIRECT",
    "Acquire::PDiffs": "false",
    "Acquire::GzipIndexes": "false",
    "Debug::NoLocking": "true",
    Dir: `${directory}/`,
    // Whatever is asked of this apt, it must not touch the host.
    "Dir::Bin::dpkg": "/bin/false",
    "Dir::Cache": `${directory}/cache/`,
    "Dir::Etc": `${directory}/etc/`,
    "Dir::Log": `${directory}/log/`,
    "Dir::State": `${directory}/`,
    "Dir::State::status": `${directory}/status`,
    "Dir::State::lists": `${directory}/lists/`,
  };
  const lines = Object.entries(settings).map(([key, value]) => `${key} "${value}";\n`);
  await writeFile(file, `#clear APT::Architectures;\n${lines.join("")}`);
  return { ...process.env, APT_CONFIG: file, LC_ALL: "C.UTF-8" };
}

/** Lets apt fetch the indexes, from the mirrors in turn until it has those of `index`. */
async function updateLists(options: OracleOptions, environment: Environment): Promise<void> {
  const { directory, index, mirrors, keys = debianArchiveKeys } = options;
  const wanted = index.releases.map((release) => release.sha256).sort();
  const keyFiles = keys.map((_, number) => join(directory, `etc/key${number}.asc`));
  for (const [number, file] of keyFiles.entries()) await writeFile(file, keys[number] ?? "");
  const failures: string[] = [];
  const rounds = Math.max(mirrors.debian.length, mirrors["debian-security"].length) + 1;
  for (let round = 0; round < rounds; round++) {
    const sources = index.releases.map(({ archive, suite }) => {
      const urls = mirrors[archive === "debian" ? "debian" : "debian-security"];
      return `deb [signed-by=${keyFiles.join(",")}] ${urls[round % urls.length]} ${suite} main\n`;
    });
    await writeFile(join(directory, "etc/sources.list"), sources.join(""));
    failures.push((await run(environment, "apt-get", ["update"])).errors);
    const files = (await readdir(join(directory, "lists"))).filter((name) => name.endsWith("_InRelease"));
    const digests = files.map(async (name) => sha256Of(await readFile(join(directory, "lists", name))));
    if ((await Promise.all(digests)).sort().join() === wanted.join()) return;
  }
  throw new Error(`no mirror gives apt the indexes that we have:\n${failures.join("\n")}`);
}

/** The packages as dpkg would list them, each with the archive's own stanza. */
async function statusOf(directory: string, installed: readonly PackageRecord[]): Promise<string> {
  const wanted = new Set(installed.map((record) => `${record.name} ${record.version}`));
  const stanzas = new Map<string, string>();
  for (const name of await readdir(join(directory, "lists"))) {
    if (!name.endsWith("_Packages")) continue;
    for (const stanza of (await readFile(join(directory, "lists", name), "utf8")).split("\n\n")) {
      const key = `${fieldOf(stanza, "Package")} ${fieldOf(stanza, "Version")}`;
      if (wanted.has(key)) stanzas.set(key, `${stanza.trim()}\nStatus: install ok installed\n\n`);
    }
  }
  if (stanzas.size !== wanted.size) throw new Error("apt's indexes lack something that is installed");
  return [...stanzas.values()].join("");
}

function fieldOf(stanza: string, field: string): string | undefined {
  return new RegExp(`^${field}: (.*)$`, "m").exec(stanza)?.[1];
}

interface ProgramResult {
  readonly status: number | null;
  readonly output: string;
  readonly errors: string;
}

/** Reads the lists that apt shows before it would begin: a heading, and below it `   name (version)` or `   name`. */
function readAnswer({ status, output, errors }: ProgramResult): AptAnswer {
  const installed = new Map<string, string>();
  const upgraded = new Map<string, string>();
  const changed: string[] = [];
  let heading = "";
  for (const line of output.split("\n")) {
    if (/^The following .*:$/.test(line)) heading = line;
    const [, name, version] = /^ {3}(\S+)(?: \((.*)\))?$/.exec(line) ?? [];
    if (name === undefined) continue;
    if (heading === "The following NEW packages will be installed:") installed.set(name, version ?? "");
    else if (heading === "The following packages will be upgraded:")
      upgraded.set(name, version?.split(" => ")[1] ?? "");
    else if (/REMOVED|DOWNGRADED|CHANGED/.test(heading)) changed.push(name);
  }
  if (status === 0) return { installed, upgraded, changed };
  const reasons = output.split("\n").filter((line) => /^ \S+ : |^ {5,}\S/.test(line));
  return { installed, upgraded, changed, refusal: [...errors.trim().split("\n"), ...reasons].join("\n") };
}

async function runApt(environment: Environment, program: string, args: readonly string[]): Promise<void> {
  const { status, errors } = await run(environment, program, args);
  if (status !== 0) throw new Error(`${program} ${args.join(" ")} failed:\n${errors}`);
}

function run(environment: Environment, program: string, args: readonly string[]): Promise<ProgramResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: environment, stdio: ["ignore", "pipe", "pipe"] });
    const output: Buffer[] = [];
    const errors: Buffer[] = [];
    child.stdout.on("data", (data: Buffer) => output.push(data));
    child.stderr.on("data", (data: Buffer) => errors.push(data));
    child.on("error", reject);
    child.on("close", (status) => {
      resolve({ status, output: Buffer.concat(output).toString(), errors: Buffer.concat(errors).toString() });
    });
  });
}

function sha256Of(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

import { randomBytes } from "node:crypto";
import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { isDebugging } from "../debug.ts";
import { DevenvError } from "../errors.ts";
import type { InputFile } from "../lock/index.ts";
import {
  awaitNetworkEnd,
  type Emulator,
  type Operation,
  runStep,
  type StepPlan,
  settleNetwork,
  systemOperations,
} from "../sandbox/index.ts";
import type { Store } from "../store/index.ts";
import { type CommandStep, commandEnvironment, commandTitle } from "./command-plan.ts";
import { commandInside, commandScript, inputsInside } from "./command-script.ts";
import type { CommandGround, CommandOptions, FailedCommand, StepNetwork } from "./command-types.ts";
import { isThere } from "./layer.ts";
import { lastLine, plainLines } from "./output-lines.ts";
import type { BuildProgress } from "./progress.ts";
import { layerName, scriptInside } from "./script-run.ts";
import type { Workplace } from "./workplace.ts";

/** One run. */
interface Run extends CommandOptions {
  readonly files: readonly InputFile[];
  readonly workplace: Workplace;
  /** How programs run that are not of this host's processor. */
  readonly emulator: Emulator | undefined;
  readonly report: (progress: BuildProgress) => void;
}

const linesShown = 50;

/**
 * Runs the command of a layer as root of a sandbox, on the layers below; what it changes gets into the workplace's
 * layer.
 *
 * @throws DevenvError `DEVENV_STEP_FAILED`, and what connecting the network fails with.
 */
export async function runCommand(
  store: Store,
  step: CommandStep,
  ground: CommandGround,
  run: Run,
): Promise<void> {
  const network = step.command.network === true ? await run.network() : undefined;
  const mark = run.onFailure === undefined ? undefined : randomBytes(16).toString("hex");
  const plan = sandboxPlan(store, step, ground, run, { mark, network });
  const log = join(store.root, run.workplace.scratch, "log");
  const written = createWriteStream(log, { mode: 0o600 });
  const flushed = new Promise<void>((resolve) => written.once("close", resolve));
  // On a full disk the command itself fails and says so; its log is then cut off, or not there.
  written.on("error", () => undefined);
  let input: Writable | undefined;
  let lost: DevenvError | undefined;
  let shown: Promise<void> | undefined;
  let last = "";
  let isOver = false;
  const { code, output } = await runStep({
    ...plan,
    onInput: (stream) => {
      input = stream;
      void release(plan, network, () => isOver).then((error) => {
        lost = error;
        if (error === undefined) stream.write("\n");
        if (error !== undefined || mark === undefined) stream.end();
      });
    },
    onOutput: (piece) => {
      written.write(piece);
      if (isDebugging("build")) process.stderr.write(piece);
      last = (last + piece).slice(-4096);
      const line = lastLine(last);
      if (line !== "") run.report({ phase: "run", step: commandTitle(step.command.name), line });
      const failed = mark === undefined ? null : new RegExp(`\\n${mark} (\\d+)\\n`).exec(last);
      if (failed === null || shown !== undefined || run.onFailure === undefined) return;
      const failure = failedCommand(step, plan, last, Number(failed[1]));
      shown = run.onFailure({ ...failure, workspace: run.workspace }).finally(() => input?.end());
      // It is told below, when the sandbox has ended.
      shown.catch(() => undefined);
    },
  }).finally(async () => {
    isOver = true;
    written.end();
    await flushed;
    if (plan.networkPlan !== undefined) await awaitNetworkEnd(plan.networkPlan.stateFile);
  });
  await shown;
  if (lost !== undefined) throw lost;
  const kept = run.logFile(step.index);
  if (code === 0) return await rm(kept, { force: true });
  await rename(log, kept).catch(() => undefined);
  const said = mark === undefined ? output : output.replace(new RegExp(`\\n${mark} \\d+\\n`), "");
  // Who was shown the end of it before the shell needs it no more.
  throw failure(step, code, shown === undefined ? said : "", kept);
}

/** Resolves when the command may begin, to the error when it may not. */
async function release(
  { networkPlan }: StepPlan,
  network: StepNetwork | undefined,
  isOver: () => boolean,
): Promise<DevenvError | undefined> {
  if (networkPlan === undefined || network === undefined) return undefined;
  const { stateFile } = networkPlan;
  // The sandbox says something of it as one of the first things that it does.
  while (!isOver() && !(await isAnyThere(["", ".starting", ".failed"].map((end) => stateFile + end))))
    await sleep(3);
  if (isOver()) return undefined;
  const state = await settleNetwork(stateFile);
  return state.kind === "lost" ? await network.failed(state.reason) : undefined;
}

async function isAnyThere(files: readonly string[]): Promise<boolean> {
  return (await Promise.all(files.map(isThere))).includes(true);
}

interface Connection {
  readonly mark: string | undefined;
  readonly network: StepNetwork | undefined;
}

function sandboxPlan(
  store: Store,
  step: CommandStep,
  { below, toolchains, variables }: CommandGround,
  { emulator, files, workplace, workspace }: Run,
  { mark, network }: Connection,
): StepPlan {
  const scratch = join(store.root, workplace.scratch);
  const { command, epoch } = step;
  const script = commandScript({ workspace, files, epoch, ...(mark === undefined ? {} : { mark }) });
  const file = (target: string, mode: number, content: string): Operation => {
    return { kind: "file", target, mode, uid: 0, gid: 0, content };
  };
  const tmpfs = (target: string, mode: number): Operation => {
    return { kind: "tmpfs", target, mode, uid: 0, gid: 0 };
  };
  return {
    store: store.root,
    root: {
      layers: below.map(layerName),
      upper: workplace.layer,
      work: `${workplace.scratch}/work`,
      volatile: true,
    },
    operations: [
      ...systemOperations(),
      tmpfs("/run", 0o755),
      tmpfs("/tmp", 0o1777),
      // Caches and settings of a user who is nobody's in an environment; they would differ each time.
      tmpfs("/root", 0o700),
      tmpfs(workspace, 0o755),
      { kind: "bind", source: join(scratch, "inputs"), target: inputsInside, readonly: true },
      file(scriptInside, 0o755, script),
      file(commandInside, 0o644, `${command.run}\n`),
      ...(network === undefined ? [] : [file("/etc/resolv.conf", 0o644, network.resolver)]),
    ],
    hostname: "devenv",
    emulator,
    network: network === undefined ? "none" : "private",
    ...(network === undefined
      ? {}
      : {
          networkPlan: {
            stateFile: join(scratch, "network"),
            ports: [],
            hostPorts: [],
            helper: network.helper,
          },
        }),
    ...(mark === undefined ? {} : { pidFile: join(scratch, "init-") }),
    command: ["/bin/sh", scriptInside],
    env: commandEnvironment(step, variables, toolchains),
    cwd: "/",
    uid: 0,
    gid: 0,
  };
}

function failedCommand(
  { command }: CommandStep,
  { env, pidFile = "", network }: StepPlan,
  output: string,
  code: number,
): Omit<FailedCommand, "workspace"> {
  return {
    title: commandTitle(command.name),
    code,
    output: plainLines(output).slice(-linesShown, -1).join("\n"),
    pidFile,
    network: network === "private" ? "private" : "none",
    environment: env,
  };
}

/** What programs say when they look for a host and have no network. */
const noNetwork =
  /temporary failure (?:in name resolution|resolving)|could not resolve|couldn't resolve|unable to resolve|name or service not known|EAI_AGAIN|ENOTFOUND|no such host|bad address|network is unreachable|failed to lookup address|dial (?:tcp|udp).*(?:unreachable|refused)|name resolution/i;

function failure({ command, index }: CommandStep, code: number, output: string, log: string): DevenvError {
  const lines = output === "" ? [] : plainLines(output);
  const hints = ["To look around in there: devenv build --shell-on-failure"];
  if (command.network !== true && noNetwork.test(output))
    hints.unshift('The command has no network. Give it one: "network": true');
  return new DevenvError(
    "DEVENV_STEP_FAILED",
    [
      `the ${commandTitle(command.name)} failed with exit code ${code}; its whole output is in ${log}`,
      ...lines.slice(-linesShown),
    ].join("\n  "),
    { about: [`layers[${index}]`], hint: hints.join("\n") },
  );
}

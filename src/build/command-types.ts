import type { DevenvError } from "../errors.ts";
import type { Digest, LockedLayer, LockedToolchain } from "../lock/index.ts";
import type { NetworkHelper } from "../sandbox/index.ts";
import type { CommandStep } from "./command-plan.ts";

/** What commands need that make layers. */
export interface CommandOptions {
  /** Where they run: absolute path inside. */
  readonly workspace: string;
  /** File that gets the whole output of a failed command, by its place in the configuration. */
  readonly logFile: (index: number) => string;
  /** Called when a command reaches the network. */
  readonly network: () => Promise<StepNetwork>;
  /** Why a command is run again that was run before, in clauses; called when it is about to be. */
  readonly reason?: (step: CommandStep) => Promise<string | undefined>;
  /** Run again what reaches the network, and record what commands give now. */
  readonly update?: boolean;
  /** Called in the middle of a command that failed: its sandbox lives until this resolves. */
  readonly onFailure?: (failed: FailedCommand) => Promise<void>;
}

/** What connects a build step with the host's network. */
export interface StepNetwork {
  readonly helper: NetworkHelper;
  /** Text of /etc/resolv.conf. */
  readonly resolver: string;
  /** The error that it amounts to when packets cannot flow. */
  failed(reason: string): Promise<DevenvError>;
}

/** A command that failed, in its sandbox. */
export interface FailedCommand {
  readonly title: string;
  readonly code: number;
  /** The end of what it printed. */
  readonly output: string;
  /** With the id of the boot behind it, the file that says which process to enter. */
  readonly pidFile: string;
  readonly network: "none" | "private";
  readonly workspace: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** What a command is to be built on, and what it has to give. */
export interface CommandGround {
  /** diffIDs, the lowest first. */
  readonly below: readonly Digest[];
  /** Environment variables of the image. */
  readonly variables: Readonly<Record<string, string>>;
  readonly toolchains: readonly LockedToolchain[];
  /** What the lock records for it. */
  readonly recorded: LockedLayer | undefined;
}

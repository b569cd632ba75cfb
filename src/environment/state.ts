import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../files.ts";
import type { Digest, Platform } from "../lock/types.ts";
import type { Limits, UserSlice } from "../sandbox/limit-types.ts";
import type { InputStamps } from "./input-stamps.ts";
import type { FileStamp } from "./stamp.ts";

/** `state.json` of an environment: everything a later command has to know, whatever ended the one that wrote it. */
export interface EnvironmentState {
  readonly version: 1;
  readonly id: string;
  readonly name: string;
  /** Real path of the project's directory. */
  readonly project: string;
  /** ISO 8601 in UTC. */
  readonly created: string;
  readonly platform: Platform;
  /** Configuration, lock and the inputs of layers as the last `up` that came to its end saw them. */
  readonly stamps?:
    | { readonly configuration: FileStamp; readonly lock: FileStamp; readonly inputs?: InputStamps }
    | undefined;
  /** What the writable layer stands on; absent while there is none, or only half of one. */
  readonly image?: EnvironmentImage | undefined;
  /** That the user is known in the present writable layer. */
  readonly isPrepared: boolean;
  /** That the home directory has got its first files. */
  readonly hasHome: boolean;
  /** That onCreate, or the absence of it, is behind the present writable layer. */
  readonly isCreated: boolean;
  /** Command of the hook onEnter, as of the last `up`. */
  readonly onEnter?: string | undefined;
  /** That the user once agreed to do without limits the host cannot enforce. */
  readonly allowsMissingLimits: boolean;
  /** That the user once agreed to the host's network, and to which ports of its loopback; absent means no. */
  readonly allowsHostNetwork?: boolean;
  readonly allowedHostPorts?: readonly number[];
  /** What the last start was made with, whether it runs or not; absent when there never was one. */
  readonly start?: StartRecord | undefined;
}

export interface EnvironmentImage {
  readonly digest: Digest;
  /** diffIDs, the lowest first. */
  readonly layers: readonly Digest[];
  /** Environment variables of the image that is the base; absent means none. */
  readonly variables?: Readonly<Record<string, string>>;
}

/** What an environment was started with. */
export interface StartRecord {
  readonly settings: StartSettings;
  /** Directories of control groups that were made for it. */
  readonly cgroups: readonly string[];
  /** The slice of systemd's user manager that it is in, in place of groups. */
  readonly slice?: Pick<UserSlice, "name" | "directory" | "runtime"> | undefined;
  /** Limits that were to become those of the settings while it runs; absent once they are. */
  readonly changingTo?: Limits | undefined;
  readonly missingLimits: readonly MissingLimit[];
  /** Where the hook onStart is: there is none, it has still to come to its end, or it has. */
  readonly onStart: "none" | "owed" | "done";
}

/** A limit that the configuration asks for and this host cannot enforce. */
export interface MissingLimit {
  readonly limit: string;
  readonly reason: string;
}

/** The parts of the configuration that a start is made with; of a running environment only `limits` can change. */
export interface StartSettings {
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
  readonly limits: Limits;
  readonly mounts: readonly { readonly volume: string; readonly target: string }[];
  readonly network: "private" | "host" | "none";
  readonly ports: readonly { readonly host: number; readonly inside: number }[];
  readonly hostPorts: readonly number[];
}

/** The control groups that count what it uses. */
export function groupsOf({ cgroups, slice }: StartRecord): readonly string[] {
  return slice === undefined ? cgroups : [...cgroups, slice.directory];
}

/** Undefined when there is none that this version understands: a directory without one is half made. */
export async function readState(directory: string): Promise<EnvironmentState | undefined> {
  let text: string;
  try {
    text = await readFile(join(directory, "state.json"), "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
  try {
    const state: unknown = JSON.parse(text);
    return isState(state) ? state : undefined;
  } catch {
    return undefined;
  }
}

/** Enough to tell a state from anything else; the program itself wrote it, whole or not at all. */
function isState(value: unknown): value is EnvironmentState {
  if (!isObject(value) || value["version"] !== 1) return false;
  const { id, name, project, start } = value;
  if (![id, name, project].every((text) => typeof text === "string")) return false;
  if (start === undefined) return true;
  if (!isObject(start)) return false;
  const { settings, cgroups, missingLimits } = start;
  return isObject(settings) && Array.isArray(cgroups) && Array.isArray(missingLimits);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export async function writeState(directory: string, state: EnvironmentState): Promise<void> {
  await writeFileAtomic(join(directory, "state.json"), `${JSON.stringify(state, undefined, 2)}\n`);
}

import type { Platform, ToolchainSource } from "../lock/types.ts";

/** The releases of Debian a base can be bootstrapped from. */
export type DebianSuite = "bullseye" | "bookworm" | "trixie";

/** A base bootstrapped from the distribution's own signed archive. */
export interface BootstrapBase {
  readonly kind: "bootstrap";
  readonly distribution: "debian";
  readonly suite: DebianSuite;
}

/** An OCI image as its own registry has it. */
export interface ImageBase {
  readonly kind: "image";
  /** As the file has it: `debian:bookworm-slim`. */
  readonly reference: string;
}

export type Base = BootstrapBase | ImageBase;

/** One language as the configuration asks for it. */
export interface LanguageRequest {
  /** A range, as the language's users write it. */
  readonly version: string;
  /** The only source that may be used; the first that has a version otherwise. */
  readonly source?: ToolchainSource;
}

/** A command whose result becomes a layer of the image. */
export interface LayerRequest {
  /** For people; each once. */
  readonly name: string;
  /** For `/bin/sh -eu`. */
  readonly run: string;
  /** Paths and patterns below the project, each once. */
  readonly inputs: readonly string[];
  readonly network: boolean;
  readonly env: Readonly<Record<string, string>>;
}

/** A named directory that outlives environments, and where it is seen inside. */
export interface VolumeMount {
  readonly volume: string;
  /** An absolute path, or one that starts with `~/`; without `.` and `..`, without a final slash. */
  readonly target: string;
}

/** What an environment may use at most; what is absent is not limited. */
export interface Limits {
  /** Processors, also parts of one: 1.5. */
  readonly cpus?: number;
  /** Bytes. */
  readonly memory?: number;
  /** Bytes of swap beside the memory; none when absent and memory is limited. */
  readonly swap?: number;
  /** Bytes of the writable layer, the home directory and the volumes together. */
  readonly disk?: number;
  /** Processes and threads. */
  readonly pids?: number;
  /** Bytes a second, of each disk. */
  readonly io?: { readonly read?: number; readonly write?: number };
}

/** A port of the host's loopback addresses that leads to one inside. */
export interface PublishedPort {
  readonly host: number;
  readonly inside: number;
}

/** Commands for `/bin/sh -c`, run inside the environment at the named moments. */
export interface Hooks {
  readonly onCreate?: string;
  readonly onStart?: string;
  readonly onEnter?: string;
}

/** `devenv.jsonc`, checked, with every default filled in. */
export interface Configuration {
  readonly name: string;
  readonly base: Base;
  /** At least one, each once, in the order of the file. */
  readonly platforms: readonly Platform[];
  /** A day (`2024-03-17`): resolved is what there was at its end, in UTC. */
  readonly asOf?: string;
  /** By the language's name. */
  readonly languages: Readonly<Record<string, LanguageRequest>>;
  /** Names of packages, each once, in the order of the file. */
  readonly packages: readonly string[];
  /** The lowest first. */
  readonly layers: readonly LayerRequest[];
  readonly env: Readonly<Record<string, string>>;
  readonly mounts: readonly VolumeMount[];
  readonly limits: Limits;
  /** Each port of the host once, in the order of the file. */
  readonly ports: readonly PublishedPort[];
  /** Ports of the host's loopback addresses that are reachable inside under the same number. */
  readonly hostPorts: readonly number[];
  readonly network: "private" | "host" | "none";
  readonly hooks: Hooks;
  /** Command for `/bin/sh -c` by the name of the task. */
  readonly tasks: Readonly<Record<string, string>>;
}

/** A configuration and where it came from. */
export interface LoadedConfiguration {
  readonly file: string;
  readonly text: string;
  readonly configuration: Configuration;
}

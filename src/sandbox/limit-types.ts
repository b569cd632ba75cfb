/** What an environment may use. */
export interface Limits {
  /** Processors, also parts of one: 1.5. */
  readonly cpus?: number;
  /** Bytes. */
  readonly memory?: number;
  /** Bytes of swap beside the memory; none when absent and memory is limited. */
  readonly swap?: number;
  /** Processes and threads. */
  readonly pids?: number;
  /** Bytes of the writable layer, the home directory and the volumes together. */
  readonly disk?: number;
  /** Bytes a second, of each disk. */
  readonly io?: { readonly read?: number; readonly write?: number };
}

export type LimitName = keyof Limits;

/** Those that have a control group; swap is part of memory, disk is a file system. */
export type GroupLimit = Exclude<LimitName, "swap" | "disk">;

/** What is written into which file of a group. */
export interface ControlGroupSetting {
  readonly file: string;
  readonly value: string;
}

/** What the sandbox program does with control groups, in this order. */
export interface ControlGroupPlan {
  readonly steps: readonly ({ readonly make: string } | ControlGroupSetting)[];
  /** Directories whose groups the environment, and each command in it, joins. */
  readonly join: readonly string[];
  /** What it becomes part of before it starts, and each command before it enters. */
  readonly slice?: UserSlice;
}

/** A slice of systemd's user manager, in place of groups of our own. */
export interface UserSlice {
  readonly name: string;
  /** Its control group. */
  readonly directory: string;
  /** XDG_RUNTIME_DIR of the manager. */
  readonly runtime: string;
  /** What `systemctl set-property` is told. */
  readonly properties: readonly string[];
  /** What the kernel has then. */
  readonly settings: readonly ControlGroupSetting[];
}

/** A limit that cannot be enforced on this host, and how to mend that. */
export interface MissingLimit {
  readonly limit: LimitName;
  readonly reason: string;
  /** Commands for root, one after the other. */
  readonly remedy: readonly string[];
}

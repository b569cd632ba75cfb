import type { DownloadProgress } from "../store/index.ts";

/** What a build is at, for whoever shows it. */
export type BuildProgress =
  /** Another process builds the same step. */
  | { readonly phase: "wait"; readonly step: string }
  /** Something about a step that a person should know. */
  | { readonly phase: "note"; readonly step: string; readonly text: string }
  | { readonly phase: "download"; readonly step: string; readonly download: DownloadProgress }
  /** A command runs; `line` is the last that it printed. */
  | { readonly phase: "run"; readonly step: string; readonly line?: string }
  | { readonly phase: "unpack" | "configure" | "install" | "pack"; readonly step: string };

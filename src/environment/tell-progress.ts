import type { BuildProgress } from "../build/index.ts";
import type { Observer } from "./observer.ts";

/**
 * Tells an observer what a build is at. Several steps may go on at the same time: the phase that began last is shown, and
 * how far the others are is not told.
 */
export function tellProgress(observer: Observer): (progress: BuildProgress) => void {
  const phases = new Map<string, string>();
  let shown = "";
  return (progress) => {
    if (progress.phase === "note") {
      observer.note(progress.text);
      return;
    }
    const title = phaseTitle(progress);
    if (phases.get(progress.step) !== title) {
      phases.set(progress.step, title);
      observer.begin(title);
      shown = title;
    }
    if (title !== shown) return;
    if (progress.phase === "run" && progress.line !== undefined) observer.progress(progress.line);
    if (progress.phase !== "download") return;
    const { bytes, totalBytes, files, totalFiles } = progress.download;
    observer.progress(
      `${files} of ${totalFiles} files, ${formatMebibytes(bytes)} of ${formatMebibytes(totalBytes)} MiB`,
    );
  };
}

/** Tells an observer how many bytes of all there are have gone through. */
export function tellBytes(observer: Observer, total: number): (bytes: number) => void {
  let sum = 0;
  let shown = "";
  return (bytes) => {
    sum += bytes;
    const text = `${formatMebibytes(sum)} of ${formatMebibytes(total)} MiB`;
    if (text !== shown) observer.progress(text);
    shown = text;
  };
}

function phaseTitle({ phase, step }: Exclude<BuildProgress, { phase: "note" }>): string {
  const isOfImage = ["base", "directories", "image", "packages", "toolchains"].includes(step);
  const what = isOfImage || step.startsWith("step ") ? `the ${step}` : step;
  switch (phase) {
    case "wait":
      return `waiting for another devenv that builds ${what}`;
    case "download":
      return `downloading ${what}`;
    case "unpack":
      return `unpacking ${what}`;
    case "configure":
      return `configuring ${what}`;
    case "install":
      return step === "toolchains" ? `checking ${what}` : `installing ${what}`;
    case "run":
      return `running ${what}`;
    case "pack":
      return `packing ${what}`;
  }
}

/** Bytes as people read them beside the unit MiB. */
export function formatMebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}

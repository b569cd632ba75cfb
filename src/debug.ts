/** Whether `DEVENV_DEBUG` names the topic; it is a list with commas. */
export function isDebugging(topic: "plan" | "build" | "timing"): boolean {
  return process.env["DEVENV_DEBUG"]?.split(",").includes(topic) ?? false;
}

/** Runs one phase; with DEVENV_DEBUG=timing, says on standard error how long it took. */
export async function timed<T>(phase: string, work: () => Promise<T>): Promise<T> {
  if (!isDebugging("timing")) return work();
  const start = performance.now();
  try {
    return await work();
  } finally {
    process.stderr.write(`timing: ${phase.padEnd(24)} ${Math.round(performance.now() - start)} ms\n`);
  }
}

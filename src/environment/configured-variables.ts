import type { Configuration } from "../config/index.ts";
import { endOfDay } from "../day.ts";

/**
 * The variables that a configuration asks for: its own, and before them those by which package managers take nothing
 * that was published after its day. Others know no such day: pnpm, Yarn, Bun, Cargo, Bundler, Go.
 */
export function configuredVariables({
  asOf,
  env,
}: {
  readonly asOf?: string | undefined;
  readonly env: Configuration["env"];
}): Readonly<Record<string, string>> {
  if (asOf === undefined) return env;
  const moment = endOfDay(asOf).toISOString().replace(".000", "");
  return {
    // docs.npmjs.com/cli/using-npm/config, "before"
    npm_config_before: moment,
    // pip's --uploaded-prior-to, since pip 26.0; older ones pass over it.
    PIP_UPLOADED_PRIOR_TO: moment,
    // uv's exclude-newer
    UV_EXCLUDE_NEWER: moment,
    ...env,
  };
}

import type { Writable } from "node:stream";
import { findProject, parseConfiguration, readConfiguration } from "../config/index.ts";
import { writeFileAtomic } from "../files.ts";

/** Changes the configuration of the project at hand; what would not be a valid configuration is never written. */
export async function editConfiguration(out: Writable, edit: (text: string) => string): Promise<number> {
  const { configFile } = await findProject(process.cwd());
  const { text } = await readConfiguration(configFile);
  const edited = edit(text);
  if (edited === text) {
    out.write("devenv.jsonc holds that already; nothing to do\n");
    return 0;
  }
  parseConfiguration(edited, configFile);
  await writeFileAtomic(configFile, edited);
  out.write("devenv.jsonc changed\n");
  return 0;
}

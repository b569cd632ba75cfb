import { findProject, parseConfiguration, readConfiguration } from "../config/index.ts";
import { lockProject } from "../environment/lock-project.ts";
import { writeFileAtomic } from "../files.ts";
import { openStore } from "../store/index.ts";
import type { DevenvContext } from "./command.ts";
import { withView } from "./output.ts";

/**
 * Changes the configuration of the project at hand and makes the lock fit. What is not a valid configuration is never
 * written, and when the lock cannot follow the file is put back as it was.
 */
export async function editConfiguration(
  context: DevenvContext,
  edit: (text: string, file: string) => string,
): Promise<number> {
  const project = await findProject(context.cwd);
  const { configFile } = project;
  const { text } = await readConfiguration(configFile);
  const edited = edit(text, configFile);
  if (edited === text) {
    context.stdout.write("devenv.jsonc holds that already; nothing to do\n");
    return 0;
  }
  const configuration = parseConfiguration(edited, configFile);
  const store = await openStore();
  await writeFileAtomic(configFile, edited);
  try {
    const { changes, commandChanges } = await withView(context.stderr, (observer) =>
      lockProject(store, project, configuration, { observer }),
    );
    context.stdout.write(
      ["devenv.jsonc changed", ...changes, ...commandChanges].map((line) => `${line}\n`).join(""),
    );
  } catch (error) {
    await writeFileAtomic(configFile, text);
    throw error;
  }
  return 0;
}

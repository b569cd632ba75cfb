import {
  findProject,
  type LoadedConfiguration,
  type Project,
  readConfiguration,
  withPositions,
} from "../config/index.ts";
import { openStore, type Store } from "../store/index.ts";

/** What nearly every command begins with. */
export interface OpenProject extends LoadedConfiguration {
  readonly project: Project;
  readonly store: Store;
  /** Does work whose errors are told with the place in the configuration that they are about. */
  located<T>(work: () => Promise<T>): Promise<T>;
}

/** Finds the project of a directory, reads its configuration, opens the store. */
export async function openProject(directory: string): Promise<OpenProject> {
  const project = await findProject(directory);
  const loaded = await readConfiguration(project.configFile);
  return {
    project,
    store: await openStore(),
    ...loaded,
    located: (work) => withPositions(loaded, work),
  };
}

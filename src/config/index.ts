export { addPackages, removePackages } from "./edit.ts";
export { findProject, type Project } from "./project.ts";
export { parseConfiguration, readConfiguration } from "./read.ts";
export { readTemplate, renderTemplate, templateName } from "./template.ts";
export type {
  BootstrapBase,
  Configuration,
  DebianSuite,
  Hooks,
  Limits,
  LoadedConfiguration,
  VolumeMount,
} from "./types.ts";

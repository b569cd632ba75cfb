export { addNames, removeNames } from "./edit.ts";
export { withPositions } from "./locate.ts";
export { findProject, type Project } from "./project.ts";
export { parseConfiguration, readConfiguration } from "./read.ts";
export { readTemplate, renderTemplate, templateName } from "./template.ts";
export type {
  Base,
  Configuration,
  Hooks,
  ImageBase,
  LanguageRequest,
  LoadedConfiguration,
} from "./types.ts";

export type { CommandOptions, FailedCommand, StepNetwork } from "./command-types.ts";
export { buildImage, findNeedsOnBase } from "./image.ts";
export { type ExportFormat, type ImageName, imageFiles } from "./image-files.ts";
export { lockLabel, type OutgoingImage, outgoingImage, type RunSettings } from "./outgoing.ts";
export type { BuildProgress } from "./progress.ts";
export { pullImage } from "./pull-image.ts";
export { type PushedImage, pushImage } from "./push-image.ts";
export { refusalOf, type ToolchainNeeds } from "./toolchain-check.ts";
export { writeArchive, writeDirectory } from "./write-image.ts";

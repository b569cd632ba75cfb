export { buildImage } from "./image.ts";
export type { BuildProgress } from "./progress.ts";

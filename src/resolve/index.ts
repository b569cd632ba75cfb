export { type BaseImage, type PlatformInputs, resolveLock } from "./resolve-lock.ts";
export { explainWhy, type Reason } from "./why.ts";

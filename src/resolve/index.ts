export { resolveLock } from "./resolve-lock.ts";
export { explainWhy, type Reason } from "./why.ts";

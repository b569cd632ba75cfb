export {
  type EnterPlan,
  type EnvironmentPlan,
  type EnvironmentProcess,
  enterEnvironment,
  isAlive,
  startEnvironment,
  stopEnvironment,
} from "./environment.ts";
export { type IdentityMap, identityMap } from "./identity.ts";
export {
  type DebFile,
  mergedUsrLinks,
  type PackedLayer,
  type PackLayerOptions,
  packLayer,
  type TopLink,
  type UnpackDebsOptions,
  unpackDebs,
} from "./layers.ts";
export {
  type ControlGroupPlan,
  type Limits,
  type LimitsPlan,
  type MissingLimit,
  planLimits,
  removeControlGroups,
} from "./limits.ts";
export {
  type Operation,
  type RootImage,
  type SandboxCommand,
  type SandboxPlan,
  systemOperations,
} from "./plan.ts";
export { removePaths } from "./remove.ts";
export { runStep, type StepPlan, type StepResult } from "./step.ts";

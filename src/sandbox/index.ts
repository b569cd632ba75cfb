export { blockDevicesOf } from "./block-devices.ts";
export { viewGroups } from "./cgroup-view.ts";
export { checkNamespaces } from "./check.ts";
export { digestFiles } from "./digest.ts";
export { type Emulator, findEmulator } from "./emulator.ts";
export {
  changeControlGroups,
  type EnterPlan,
  type EnvironmentPlan,
  type EnvironmentProcess,
  enterEnvironment,
  isAlive,
  startEnvironment,
  startWords,
  stopEnvironment,
} from "./environment.ts";
export { type GraftedArchive, type GraftMap, type GraftOptions, graftArchive } from "./graft.ts";
export {
  type HostIdentity,
  type IdentityMap,
  identityMap,
  mapIdentity,
  readHostIdentity,
  subordinateIds,
} from "./identity.ts";
export { type UnpackedLayer, unpackLayer } from "./image-layer.ts";
export {
  mergedUsrLinks,
  packLayer,
  type TopLink,
  unpackDebs,
} from "./layers.ts";
export { type LimitsChange, planLimitsChange } from "./limit-change.ts";
export type { LimitName, Limits, MissingLimit } from "./limit-types.ts";
export { type LimitsSubject, planLimits, removeControlGroups } from "./limits.ts";
export { type LayerEntry, listLayer } from "./list.ts";
export { measurePaths } from "./measure.ts";
export {
  awaitNetworkEnd,
  type NetworkState,
  readNetwork,
  restoreNetwork,
  settleNetwork,
} from "./network.ts";
export {
  encodeWords,
  type NetworkHelper,
  type NetworkPlan,
  type Operation,
  type SandboxPlan,
  systemOperations,
} from "./plan.ts";
export { removePaths } from "./remove.ts";
export { settleDirectories } from "./settle.ts";
export { runStep, type StepPlan, type StepResult } from "./step.ts";
export { readUsage, type Usage } from "./usage.ts";
export {
  findAppArmor,
  findSwitch,
  type Obstacle,
  readUserNamespaceHost,
  type UserNamespaceHost,
} from "./user-namespaces.ts";
export { removeSlice } from "./user-slice.ts";

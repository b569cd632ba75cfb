export { buildProject } from "./build-project.ts";
export { down, removeEnvironment } from "./down.ts";
export { findEnvironment, findNamed } from "./list.ts";
export { searchPackages } from "./search.ts";
export { formatPlan } from "./start.ts";
export { planUp, up } from "./up.ts";
export { explainPackage } from "./why.ts";

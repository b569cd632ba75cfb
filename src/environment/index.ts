export { buildProject } from "./build-project.ts";
export { searchPackages } from "./search.ts";
export { formatPlan } from "./start.ts";
export { planUp, up } from "./up.ts";
export { explainPackage } from "./why.ts";

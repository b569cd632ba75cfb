export { buildProject } from "./build-project.ts";
export { formatPlan } from "./start.ts";
export { planUp, up } from "./up.ts";

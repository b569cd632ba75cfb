export { checkLibraries, type LibraryResult } from "./check-libraries.ts";
export { describeLibraries } from "./describe-libraries.ts";
export { type LayerInventory, layerInventory, makeInventory } from "./inventory.ts";

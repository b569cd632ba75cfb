export { writeFileAtomic } from "./files.ts";

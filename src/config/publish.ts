import { publishedSchema } from "./published.ts";

process.stdout.write(`${JSON.stringify(publishedSchema(), null, 2)}\n`);

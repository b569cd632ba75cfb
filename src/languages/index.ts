import { bun } from "./bun.ts";
import { deno } from "./deno.ts";
import { go } from "./go.ts";
import { java } from "./java.ts";
import type { Language } from "./language.ts";
import { node } from "./node.ts";
import { php } from "./php.ts";
import { python } from "./python.ts";
import { ruby } from "./ruby.ts";
import { rust } from "./rust.ts";

export type {
  BaseFacts,
  DistributionSource,
  ImageSource,
  Language,
  Line,
  Placing,
  RangeStyle,
  Surroundings,
} from "./language.ts";
export { glibcOf } from "./releases.ts";

/** By name. */
const languages: readonly Language[] = [bun, deno, go, java, node, php, python, ruby, rust];

/** The names of the languages that a configuration can ask for, in alphabetical order. */
export const languageNames: readonly string[] = languages.map(({ name }) => name);

/** The language of a name; undefined for one that there is not. */
export function languageOf(name: string): Language | undefined {
  return languages.find((language) => language.name === name);
}

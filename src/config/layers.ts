import type { Node } from "jsonc-parser";
import type { Problem } from "./problem.ts";
import type { ConfigurationFile } from "./schema.ts";
import { arrayMember, stringMember } from "./syntax.ts";
import type { LayerRequest } from "./types.ts";

/** What `layers` means, with every default filled in. */
export function layersOf(layers: NonNullable<ConfigurationFile["layers"]>): LayerRequest[] {
  return layers.map(({ env = {}, inputs = [], name, network = false, run }, index) => ({
    name: name ?? defaultName(index),
    run,
    inputs,
    network,
    env,
  }));
}

/** What the schema cannot say: each name once, those counted in that nobody wrote. */
export function checkLayers(root: Node): Problem[] {
  const seen = new Set<string>();
  return arrayMember(root, "layers").flatMap((layer, index) => {
    const node = stringMember(layer, "name");
    const name = node === undefined ? defaultName(index) : String(node.value);
    const isRepeated = seen.has(name);
    seen.add(name);
    if (!isRepeated) return [];
    const message = `layers[${index}].name: found ${JSON.stringify(name)} a second time, expected each once`;
    return [{ offset: (node ?? layer).offset, message }];
  });
}

function defaultName(index: number): string {
  return `layer ${index + 1}`;
}

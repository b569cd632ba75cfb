import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { DevenvError } from "../errors.ts";

/** Programs of native/: the one that makes and joins namespaces, and the one that works on layers in the store. */
export type NativeProgram = "devenv-sandbox" | "devenv-layers";

/** Path of a native program: beside the bundle, or in dist/ when the program runs from its sources. */
export function nativeProgram(name: NativeProgram): string {
  const places = [`./${name}`, `../../dist/${name}`].map((place) =>
    fileURLToPath(new URL(place, import.meta.url)),
  );
  const found = places.find((place) => existsSync(place));
  if (found === undefined) {
    throw new DevenvError("DEVENV_SANDBOX_MISSING", `${places[0]}: the sandbox program is not there`, {
      hint: "The installation is damaged; install devenv again. In a source tree, run: npm run build",
    });
  }
  return found;
}

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { DevenvError } from "../errors.ts";

/** Path of the sandbox program: beside the bundle, or in dist/ when the program runs from its sources. */
export function sandboxProgram(): string {
  const places = ["./devenv-sandbox", "../../dist/devenv-sandbox"].map((place) =>
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

import { copyFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { buildSync } from "esbuild";

/**
 * Puts a driver, bundled into one file, and the sandbox program beside it into `directory`, where every user may run
 * them, which the checkout need not allow. Returns the path of the driver.
 */
export function installDriver(source: string, directory: string): string {
  const driver = join(directory, "driver.mjs");
  buildSync({
    entryPoints: [source],
    bundle: true,
    platform: "node",
    format: "esm",
    outfile: driver,
    logLevel: "error",
    alias: { "jsonc-parser": "jsonc-parser/lib/esm/main.js" },
    banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" },
  });
  for (const program of ["devenv-sandbox", "devenv-layers"])
    copyFileSync(resolve(import.meta.dirname, "../../dist", program), join(directory, program));
  return driver;
}

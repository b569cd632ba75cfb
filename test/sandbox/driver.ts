// One call of the sandbox's door, as the user who runs this: node driver.mjs FUNCTION JSON-OF-ARGUMENTS.
import { createReadStream, writeSync } from "node:fs";
import { DevenvError } from "../../src/errors.ts";
import * as sandbox from "../../src/sandbox/index.ts";
import { checkLimits } from "./limit-checks.ts";

type FromFile<Options> = Omit<Options, "input"> & { readonly file: string };
type LayerOptions = FromFile<Parameters<typeof sandbox.unpackLayer>[0]>;
type GraftOptions = FromFile<Parameters<typeof sandbox.graftArchive>[0]>;

const functions: Record<string, (...values: never[]) => unknown> = {
  checkLimits,
  enterEnvironment: sandbox.enterEnvironment,
  graftArchive: ({ file, ...options }: GraftOptions) =>
    sandbox.graftArchive({ ...options, input: createReadStream(file) }),
  identityMap: sandbox.identityMap,
  isAlive: sandbox.isAlive,
  listLayer: sandbox.listLayer,
  packLayer: sandbox.packLayer,
  planLimits: sandbox.planLimits,
  removeControlGroups: sandbox.removeControlGroups,
  removePaths: sandbox.removePaths,
  runStep: sandbox.runStep,
  settleDirectories: sandbox.settleDirectories,
  startEnvironment: sandbox.startEnvironment,
  stopEnvironment: sandbox.stopEnvironment,
  unpackLayer: ({ file, ...options }: LayerOptions) =>
    sandbox.unpackLayer({ ...options, input: createReadStream(file) }),
  viewGroups: sandbox.viewGroups,
};

const [name = "", text = "[]"] = process.argv.slice(2);
const call = functions[name];
if (call === undefined) throw new Error(`no function ${name}`);
try {
  const result = await call(...(JSON.parse(text) as never[]));
  if (name === "enterEnvironment") process.exitCode = result as number;
  else writeSync(1, JSON.stringify({ result }));
} catch (error) {
  if (!(error instanceof DevenvError)) throw error;
  const { code, message, hint } = error;
  writeSync(name === "enterEnvironment" ? 2 : 1, JSON.stringify({ error: { code, message, hint } }));
  process.exitCode = 1;
}

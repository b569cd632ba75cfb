import { Cli } from "clipanion";
import { runCli } from "./cli.ts";

process.exitCode = await runCli(process.argv.slice(2), { ...Cli.defaultContext, cwd: process.cwd() });

import { version } from "./version.ts";

const words = process.argv.slice(2);
if (words.length === 1 && (words[0] === "--version" || words[0] === "-v")) {
  process.stdout.write(`${version}\n`);
} else {
  const { runCli } = await import("./cli.ts");
  process.exitCode = await runCli(words, version);
}

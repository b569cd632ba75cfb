import { chmodSync, cpSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { TestProject } from "vitest/node";
import { removeDirectory, stopAll } from "./leftovers.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Where the end-to-end tests of one run work: the program, and a store for each user. */
    readonly endToEnd: string;
  }
}

/**
 * Makes a place that every user may enter, which the checkout need not be, with a copy of the built program in it.
 * Nothing is built there before a test asks for it; the first one fills the store of its user for all others.
 */
export default function setup(project: TestProject): () => Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "devenv-e2e-"));
  chmodSync(directory, 0o755);
  cpSync(resolve(import.meta.dirname, "../../dist"), join(directory, "program"), { recursive: true });
  cpSync(resolve(import.meta.dirname, "../sandbox/terminal.py"), join(directory, "terminal.py"));
  project.provide("endToEnd", directory);
  return async () => {
    stopAll(directory);
    await removeDirectory(directory);
  };
}

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { command } from "./measure.ts";

/** 20,000 small files in 400 directories. */
export function makeTree(place: string): void {
  for (let outer = 0; outer < 20; outer++)
    for (let inner = 0; inner < 20; inner++) {
      const directory = join(place, `part-${outer}`, `room-${inner}`);
      mkdirSync(directory, { recursive: true });
      for (let file = 0; file < 50; file++)
        writeFileSync(join(directory, `file-${file}.txt`), `${outer} ${inner} ${file}\n`);
    }
}

/** A project that depends on 60 packages of 50 files, each an archive in the project. */
export function makePackages(place: string): void {
  mkdirSync(join(place, "archives"), { recursive: true });
  const names = Array.from({ length: 60 }, (_, index) => `package-${index}`);
  const locked = names.map((name) => [`node_modules/${name}`, makePackage(place, name)]);
  const root = {
    name: "bench",
    version: "1.0.0",
    dependencies: Object.fromEntries(names.map((name) => [name, `file:archives/${name}.tgz`])),
  };
  writeFileSync(join(place, "package.json"), JSON.stringify(root));
  const lock = {
    name: root.name,
    version: root.version,
    lockfileVersion: 3,
    requires: true,
    packages: { "": root, ...Object.fromEntries(locked) },
  };
  writeFileSync(join(place, "package-lock.json"), JSON.stringify(lock));
  writeFileSync(join(place, ".npmrc"), "cache=cache\n");
}

function makePackage(place: string, name: string): object {
  const directory = join(place, "package");
  mkdirSync(directory);
  const version = "1.0.0";
  writeFileSync(join(directory, "package.json"), JSON.stringify({ name, version }));
  for (let file = 0; file < 50; file++)
    writeFileSync(join(directory, `module-${file}.js`), `module.exports = "${name} ${file}";\n`.repeat(40));
  const archive = join("archives", `${name}.tgz`);
  command(["tar", "-C", place, "-czf", join(place, archive), "package"]);
  rmSync(directory, { recursive: true });
  const integrity = `sha512-${createHash("sha512")
    .update(readFileSync(join(place, archive)))
    .digest("base64")}`;
  return { version, resolved: `file:${archive}`, integrity };
}

/** 100 files in C, and a header of the system in each. */
export function makeSources(place: string): void {
  mkdirSync(place, { recursive: true });
  const names = Array.from({ length: 100 }, (_, index) => `unit${index}`);
  for (const name of names) {
    const body = `int ${name}(int value) { printf("%d %zu\\n", value, strlen("${name}")); return value + 1; }`;
    writeFileSync(join(place, `${name}.c`), `#include <stdio.h>\n#include <string.h>\n${body}\n`);
  }
  const makefile = [
    `objects = ${names.map((name) => `objects/${name}.o`).join(" ")}`,
    "all: $(objects)",
    "objects/%.o: %.c",
    "\t@mkdir -p objects",
    "\tgcc -O1 -pipe -c -o $@ $<",
    "",
  ];
  writeFileSync(join(place, "Makefile"), makefile.join("\n"));
}

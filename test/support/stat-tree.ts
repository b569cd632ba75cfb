import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** What is at and below `/top` of a root, one line each: name, mode and kind in hexadecimal, owner, group, time. */
export function statOf(root: string, top: string): string[] {
  const below = readdirSync(join(root, top), { recursive: true, encoding: "utf8" });
  const names = [top, ...below.map((name) => join(top, name))];
  return names
    .map((name) => {
      const { gid, mode, mtimeMs, uid } = lstatSync(join(root, name));
      return `/${name} ${mode.toString(16)} ${uid} ${gid} ${Math.floor(mtimeMs / 1000)}`;
    })
    .sort();
}

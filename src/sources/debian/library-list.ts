import { createGunzip } from "node:zlib";
import { DevenvError } from "../../errors.ts";
import type { LibraryPackage } from "./choose-library.ts";

/** Packages by the file name of a library that they ship. */
export type Libraries = ReadonlyMap<string, readonly LibraryPackage[]>;

/** Debian's names of the directories for an architecture's libraries. */
const triplets: Readonly<Record<string, string>> = {
  amd64: "x86_64-linux-gnu",
  arm64: "aarch64-linux-gnu",
};

/**
 * Picks the libraries out of a list of files (<https://wiki.debian.org/DebianRepository/Format>, "Contents" indices),
 * line by line: unpacked it is far too long to be held.
 *
 * @param list its name for errors, its content packed by gzip, and its size when unpacked.
 * @throws DevenvError `DEVENV_ARCHIVE_ALTERED` when it cannot be unpacked or has another size than that.
 */
export async function parseLibraries(
  list: { readonly name: string; readonly packed: Buffer; readonly unpackedSize: number },
  architecture: string,
): Promise<Map<string, LibraryPackage[]>> {
  const pattern = linePattern(architecture);
  const libraries = new Map<string, LibraryPackage[]>();
  for await (const line of linesOf(list)) {
    const [, name, packages] = pattern.exec(line) ?? [];
    if (name === undefined || packages === undefined) continue;
    const found = packages.split(",").map(packageOf).filter(isForUse);
    if (found.length > 0) libraries.set(name, [...(libraries.get(name) ?? []), ...found]);
  }
  return libraries;
}

/** A library right in one of the directories, and the packages that ship it. */
function linePattern(architecture: string): RegExp {
  const triplet = triplets[architecture] ?? architecture;
  return new RegExp(`^(?:usr/)?lib/(?:${triplet}/)?([^/\\s]+\\.so(?:\\.[^/\\s]+)?)\\s+(\\S+)$`);
}

async function* linesOf(list: {
  readonly name: string;
  readonly packed: Buffer;
  readonly unpackedSize: number;
}): AsyncGenerator<string> {
  const stream = createGunzip();
  stream.end(list.packed);
  let size = 0;
  let rest = "";
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > list.unpackedSize) break;
      const lines = (rest + chunk.toString("latin1")).split("\n");
      rest = lines.pop() ?? "";
      // The pattern would say no to all others as well, but not as fast.
      for (const line of lines) if (/^(usr\/)?lib\//.test(line) && line.includes(".so")) yield line;
    }
  } catch (cause) {
    throw new DevenvError("DEVENV_ARCHIVE_ALTERED", `${list.name}: cannot be unpacked`, { cause });
  }
  if (size !== list.unpackedSize) {
    throw new DevenvError(
      "DEVENV_ARCHIVE_ALTERED",
      `${list.name}: does not have the ${list.unpackedSize} bytes that the signed release says, unpacked`,
    );
  }
}

/** `[[COMPONENT/]SECTION/]NAME` */
function packageOf(location: string): LibraryPackage {
  const [name = "", section = ""] = location.split("/").reverse();
  return { name, section };
}

function isForUse({ name, section }: LibraryPackage): boolean {
  return !/-(dev|dbg|dbgsym)$/.test(name) && section !== "libdevel" && section !== "debug";
}

const heading = "devenv libraries 1";

/** The form in which the store keeps it: a line for each file name, then `SECTION/NAME` of each package. */
export function writeLibraries(libraries: Libraries): string {
  const lines = [...libraries].map(
    ([name, packages]) => `${name} ${packages.map((one) => `${one.section}/${one.name}`).join(",")}`,
  );
  return `${[heading, ...lines, "end"].join("\n")}\n`;
}

/** Undefined when it is not whole or of another form. */
export function readLibraries(content: Buffer): Libraries | undefined {
  const lines = content.toString("latin1").split("\n");
  if (lines.shift() !== heading || lines.pop() !== "" || lines.pop() !== "end") return undefined;
  return new Map(
    lines.map((line) => {
      const space = line.indexOf(" ");
      return [
        line.slice(0, space),
        line
          .slice(space + 1)
          .split(",")
          .map(packageOf),
      ];
    }),
  );
}

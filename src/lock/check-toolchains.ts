import { languageNames } from "../languages/index.ts";
import {
  blobDigest,
  type Check,
  type Complain,
  checkFields,
  filledList,
  imageLayers,
  imageReference,
  isObject,
  list,
  matching,
  oneOf,
} from "./fields.ts";

/** Checks the toolchains of a platform: their words become arguments, paths, variables and lines of a script. */
export function checkToolchains(value: unknown, path: string, complain: Complain): void {
  const names = new Set<string>();
  const packages = list(complain, packageName(complain));
  const toolchain: Check = (item, itemPath) =>
    checkFields(
      item,
      itemPath,
      complain,
      {
        language: (name, namePath) => {
          oneOf(complain, languageNames)(name, namePath);
          if (names.has(String(name))) complain(namePath, name, "each language once in a platform");
          names.add(String(name));
        },
        version: version(complain),
        source: oneOf(complain, ["distribution", "image", "npm", "goproxy"]),
        parts: list(complain, (part, partPath) => checkPart(part, partPath, complain)),
        packages,
        path: list(complain, absolutePath(complain)),
        variables: (variables, variablesPath) => checkVariables(variables, variablesPath, complain),
        check: filledList(complain, word(complain)),
      },
      { libraries: packages, optional: list(complain, pattern(complain)) },
    );
  filledList(complain, toolchain)(value, path);
}

function checkPart(value: unknown, path: string, complain: Complain): void {
  const kind = isObject(value) ? value["kind"] : undefined;
  const placement = {
    links: (links: unknown, linksPath: string) => checkLinks(links, linksPath, complain),
    executables: list(complain, pattern(complain)),
  };
  const common = {
    kind: oneOf(complain, ["image", "npm", "goproxy"]),
    maps: filledList(complain, (map, mapPath) =>
      checkFields(map, mapPath, complain, { from: archivePath(complain), to: absolutePath(complain) }),
    ),
  };
  if (kind === "npm") {
    const fields = {
      package: matching(complain, /^(?:@[a-z0-9._-]+\/)?[a-z0-9][a-z0-9._-]*$/, "the name of an npm package"),
      version: version(complain),
      integrity: matching(complain, /^sha512-[A-Za-z0-9+/]{86}==$/, "sha512- and 64 bytes in base64"),
      path: archivePath(complain),
    };
    checkFields(value, path, complain, { ...common, ...fields }, placement);
  } else if (kind === "goproxy") {
    const fields = {
      module: matching(complain, /^(?!\/)[a-z0-9./-]+$/, "the path of a Go module"),
      version: version(complain),
      sum: matching(complain, /^h1:[A-Za-z0-9+/]{43}=$/, "h1: and 32 bytes in base64"),
      path: archivePath(complain),
    };
    checkFields(value, path, complain, { ...common, ...fields }, placement);
  } else {
    const fields = {
      reference: imageReference(complain),
      digest: blobDigest(complain),
      layers: imageLayers(complain),
    };
    const optional = { ...placement, index: blobDigest(complain) };
    checkFields(value, path, complain, { ...common, ...fields }, optional);
  }
}

function checkVariables(value: unknown, path: string, complain: Complain): void {
  if (!isObject(value)) {
    complain(path, value, "an object");
    return;
  }
  for (const [name, text] of Object.entries(value)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || name === "PATH" || name.startsWith("LD_"))
      complain(path, name, "the name of an environment variable, and neither PATH nor one of the linker's");
    word(complain)(text, `${path}.${name}`);
  }
}

function checkLinks(value: unknown, path: string, complain: Complain): void {
  if (!isObject(value)) {
    complain(path, value, "an object");
    return;
  }
  for (const [link, target] of Object.entries(value)) {
    absolutePath(complain)(link, path);
    matching(complain, /^[A-Za-z0-9._+@/-]{1,255}$/, "the target of a link")(target, `${path}.${link}`);
  }
}

function packageName(complain: Complain): Check {
  return matching(complain, /^[a-z0-9][a-z0-9+._-]+$/, "the name of a package");
}

function version(complain: Complain): Check {
  return matching(complain, /^[0-9A-Za-z][0-9A-Za-z.+~_-]{0,99}$/, "a version");
}

function word(complain: Complain): Check {
  return matching(complain, /^[\x20-\x7e]{1,255}$/, "a word of printable ASCII characters");
}

/** What a step may write to: nothing of the sandbox's own places, which are mounted over. */
function absolutePath(complain: Complain): Check {
  return matching(
    complain,
    /^(?!\/(?:proc|sys|dev|run|tmp|workspaces)(?:\/|$))(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._+@-]{1,128}){1,32}$/,
    'an absolute path without "." and "..", outside /proc, /sys, /dev, /run, /tmp and /workspaces',
  );
}

function archivePath(complain: Complain): Check {
  return matching(
    complain,
    /^(?:(?!\.{1,2}(?:\/|$))[A-Za-z0-9._+@!-]{1,128}(?:\/(?!$)|$)){0,32}$/,
    'a relative path without "." and ".."',
  );
}

function pattern(complain: Complain): Check {
  return matching(complain, /^[A-Za-z0-9._+@*/-]{1,255}$/, "a path, with * for any name and ** for several");
}

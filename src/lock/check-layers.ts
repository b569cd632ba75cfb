import { languageNames } from "../languages/index.ts";
import {
  type Check,
  type Complain,
  checkFields,
  digest,
  filledList,
  isObject,
  list,
  matching,
  oneOf,
} from "./fields.ts";

/** What builds record of layers. */
export function builtLayers(complain: Complain): Check {
  const steps = ["base", "directories", "packages", ...languageNames, "toolchains", "layer"];
  return list(complain, (item, path) => {
    const common = {
      step: oneOf(complain, steps),
      cacheKey: digest(complain),
      diffID: digest(complain),
    };
    const isCommand = isObject(item) && item["step"] === "layer";
    if (isCommand)
      checkFields(item, path, complain, { ...common, name: name(complain) }, { network: yes(complain) });
    else checkFields(item, path, complain, common);
  });
}

/** The commands of a platform that make layers. */
export function commands(complain: Complain): Check {
  const names = new Set<unknown>();
  return filledList(complain, (command, path) =>
    checkFields(
      command,
      path,
      complain,
      {
        name: (value, namePath) => {
          name(complain)(value, namePath);
          if (names.has(value)) complain(namePath, value, "each name once in a platform");
          names.add(value);
        },
        run: matching(complain, /^[^\0]*[^\s\0][^\0]*$/, "a shell command"),
        inputs: record(complain, inputPattern, "a path or pattern below the project", digest(complain)),
        env: record(
          complain,
          /^[A-Za-z_][A-Za-z0-9_]*$/,
          "the name of an environment variable",
          matching(complain, /^[^\0]*$/, "a string without NUL characters"),
        ),
      },
      { network: yes(complain) },
    ),
  );
}

const inputPattern =
  /^(?![/!])(?!\.{1,2}(?:\/|$))(?!.*\/\.{1,2}(?:\/|$))(?!.*\/\/)(?!(?:.*\/)?\.git(?:\/|$))[^\0\\]{1,1024}$/;

function record(complain: Complain, keys: RegExp, expected: string, check: Check): Check {
  return (value, path) => {
    if (!isObject(value)) {
      complain(path, value, "an object");
      return;
    }
    for (const [key, member] of Object.entries(value)) {
      if (!keys.test(key) || key === "__proto__") complain(path, key, expected);
      check(member, `${path}[${JSON.stringify(key)}]`);
    }
  };
}

function name(complain: Complain): Check {
  return matching(complain, /^[A-Za-z0-9](?:[A-Za-z0-9 ._+@/-]{0,61}[A-Za-z0-9._+@/-])?$/, "a name");
}

function yes(complain: Complain): Check {
  return (value, path) => value === true || complain(path, value, "true");
}

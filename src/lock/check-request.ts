import { isDay } from "../day.ts";
import { languageNames } from "../languages/index.ts";
import {
  type Check,
  type Complain,
  checkFields,
  filledList,
  imageReference,
  isObject,
  list,
  matching,
  oneOf,
  packageName,
} from "./fields.ts";

/** What the lock was made for. */
export function request(complain: Complain): Check {
  return (value, path) =>
    checkFields(
      value,
      path,
      complain,
      {
        base: base(complain),
        packages: list(complain, packageName(complain)),
        platforms: filledList(complain, oneOf(complain, ["linux/amd64", "linux/arm64"])),
      },
      { asOf: day(complain), languages: languages(complain) },
    );
}

function base(complain: Complain): Check {
  const image = imageReference(complain);
  return (value, path) =>
    (typeof value === "string" && /^bootstrap:debian\/(?:bullseye|bookworm|trixie)$/.test(value)) ||
    image(value, path);
}

function day(complain: Complain): Check {
  return (value, path) =>
    (typeof value === "string" && isDay(value)) || complain(path, value, "a day such as 2024-03-17");
}

function languages(complain: Complain): Check {
  return (value, path) => {
    if (!isObject(value)) {
      complain(path, value, "an object");
      return;
    }
    for (const [name, wanted] of Object.entries(value)) {
      oneOf(complain, languageNames)(name, path);
      checkFields(
        wanted,
        `${path}.${name}`,
        complain,
        { version: matching(complain, /^[^\p{C}]{1,100}$/u, "a range of versions") },
        { source: oneOf(complain, ["distribution", "image", "npm", "goproxy"]) },
      );
    }
  };
}

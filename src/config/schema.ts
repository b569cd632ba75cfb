import type { FromSchema } from "json-schema-to-ts";
import { languageNames } from "../languages/index.ts";

/**
 * The keywords of JSON Schema that `validate.ts` knows. The schema below is held to them by its type, so that no
 * keyword can stand in the schema without being checked.
 */
export interface Schema {
  readonly $schema?: string;
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly type?: "object" | "array" | "string" | "number" | "integer" | "boolean";
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: false | Schema;
  readonly propertyNames?: Schema;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly uniqueItems?: boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly enum?: readonly string[];
  readonly anyOf?: readonly Schema[];
  /** What a person should write here, in words: "a package name, such as libpq-dev". */
  readonly "x-devenv-expected"?: string;
  /** Part of the format, not built yet: always refused, with this advice (may be empty). */
  readonly "x-devenv-unsupported"?: string;
}

const command = {
  type: "string",
  // A NUL cannot be part of an argument of a program.
  pattern: "^[^\\u0000]*[^\\s\\u0000][^\\u0000]*$",
  "x-devenv-expected": "a shell command",
} as const satisfies Schema;

const volumeName = {
  type: "string",
  pattern: "^[a-z0-9][a-z0-9_.-]*$",
  maxLength: 63,
  "x-devenv-expected": "a volume name: lower-case letters, digits, and after the first character _ . -",
} as const satisfies Schema;

const versionRange = {
  type: "string",
  pattern: "^[0-9A-Za-z^~<>=!*.,|+_ /-]{1,100}$",
  "x-devenv-expected": 'a version or a range of versions, such as "3.9", "^18.17" or "lts"',
} as const satisfies Schema;

// Six digits keep the number of bytes exact in a double.
const size = {
  type: "string",
  pattern: "^[1-9][0-9]{0,5}(\\.[0-9]{1,3})?(KiB|MiB|GiB)$",
  "x-devenv-expected": 'a size with its unit KiB, MiB or GiB, such as "4GiB" or "512MiB"',
} as const satisfies Schema;

const rate = {
  type: "string",
  pattern: "^[1-9][0-9]{0,5}(\\.[0-9]{1,3})?(KiB|MiB|GiB)/s$",
  "x-devenv-expected": 'bytes a second with their unit KiB/s, MiB/s or GiB/s, such as "200MiB/s"',
} as const satisfies Schema;
const port = {
  type: "integer",
  minimum: 1,
  maximum: 65535,
  "x-devenv-expected": "a port from 1 to 65535",
} as const satisfies Schema;

const variables = {
  type: "object",
  propertyNames: {
    pattern: "^[A-Za-z_][A-Za-z0-9_]*$",
    "x-devenv-expected":
      "the name of an environment variable: letters, digits and _, not starting with a digit",
  },
  additionalProperties: {
    type: "string",
    pattern: "^[^\\u0000]*$",
    "x-devenv-expected": "a string without NUL characters",
  },
  default: {},
} as const satisfies Schema;

const portPattern =
  "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])" as const;

/** Every key of `devenv.jsonc`: the types, the checks and the published schema come from here. */
export const configSchema = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  title: "devenv.jsonc",
  description: "What a project asks of its development environment.",
  type: "object",
  required: ["name", "base"],
  additionalProperties: false,
  properties: {
    $schema: { type: "string", description: "Where editors find this schema." },
    name: {
      description: "Name of the environment. The project stands at /workspaces/NAME inside.",
      type: "string",
      pattern: "^[a-z0-9][a-z0-9_.-]*$",
      maxLength: 63,
      "x-devenv-expected":
        "a name of at most 63 characters: lower-case letters, digits, and after the first character _ . -",
    },
    base: {
      description: "What the image starts from.",
      type: "string",
      anyOf: [
        {
          description: "A root file system made from the distribution's own signed archive.",
          enum: ["bootstrap:debian/bullseye", "bootstrap:debian/bookworm", "bootstrap:debian/trixie"],
        },
        {
          description: "An OCI image reference: [REGISTRY/]REPOSITORY[:TAG][@DIGEST].",
          pattern:
            "^(?!bootstrap:)(?!.*//)[A-Za-z0-9[][A-Za-z0-9.:\\[\\]_/-]*(@sha(256:[0-9a-f]{64}|512:[0-9a-f]{128}))?$",
          "x-devenv-expected": "an OCI image reference such as debian:bookworm-slim",
        },
      ],
    },
    platforms: {
      description: "The platforms the lock holds.",
      type: "array",
      items: { type: "string", enum: ["linux/amd64", "linux/arm64"] },
      minItems: 1,
      uniqueItems: true,
      default: ["linux/amd64", "linux/arm64"],
    },
    asOf: {
      description:
        "Resolve as if it were the end of that day (UTC): the archive as it was, languages released by then.",
      type: "string",
      pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
      "x-devenv-expected": "a day such as 2024-03-17",
    },
    languages: {
      description: "Toolchains by language, each with a version range as the language's users write it.",
      type: "object",
      propertyNames: { enum: languageNames },
      additionalProperties: {
        anyOf: [
          versionRange,
          {
            type: "object",
            required: ["version"],
            additionalProperties: false,
            properties: {
              version: versionRange,
              source: {
                description: "The only source that may be used.",
                type: "string",
                enum: ["distribution", "image", "npm", "goproxy"],
              },
            },
          },
        ],
      },
      default: {},
    },
    packages: {
      description: "Packages of the distribution the base belongs to.",
      type: "array",
      items: {
        type: "string",
        pattern: "^[a-z0-9][a-z0-9+.-]+$",
        "x-devenv-expected": "a package name without version, such as libpq-dev (the lock holds the version)",
      },
      uniqueItems: true,
      default: [],
    },
    layers: {
      description: "Commands whose results become layers of the image, each on top of all before it.",
      type: "array",
      items: {
        type: "object",
        required: ["run"],
        additionalProperties: false,
        properties: {
          run: {
            ...command,
            description:
              "For /bin/sh -eu, run as root while the image is built. What it changes outside of the project, the home directory, /tmp and /run is the layer.",
          },
          name: {
            description: "What people call it; its number in the list unless given.",
            type: "string",
            pattern: "^[A-Za-z0-9]([A-Za-z0-9 ._+@/-]*[A-Za-z0-9._+@/-])?$",
            maxLength: 63,
            "x-devenv-expected":
              "a name of at most 63 characters: letters, digits, blanks inside, and after the first character . _ + @ / -",
          },
          inputs: {
            description:
              "Files of the project that the command sees: paths, directories and patterns with * ? [] {} **. Patterns and directories leave out what .gitignore ignores.",
            type: "array",
            items: {
              type: "string",
              pattern:
                "^(?![/!])(?!\\.{1,2}(/|$))(?!.*/\\.{1,2}(/|$))(?!.*//)(?!(.*/)?\\.git(/|$))[^\\u0000\\\\]+$",
              maxLength: 1024,
              "x-devenv-expected":
                'a path or pattern below the project, such as "requirements.txt" or "patches/**": relative, without ".", "..", ".git" and backslashes',
            },
            uniqueItems: true,
            default: [],
          },
          network: {
            description:
              "Whether the command reaches the network. What it gives is recorded in devenv.lock then.",
            type: "boolean",
            default: false,
          },
          env: { ...variables, description: "Environment variables of the command." },
        },
      },
      default: [],
    },
    env: { ...variables, description: "Environment variables inside." },
    mounts: {
      description: "Volumes: directories that outlive the environment's writable layer.",
      type: "array",
      items: {
        type: "object",
        required: ["volume", "target"],
        additionalProperties: false,
        properties: {
          volume: volumeName,
          target: {
            type: "string",
            pattern: "^~?(/(?!\\.{1,2}(/|$))[^/\\u0000]+)+$",
            "x-devenv-expected":
              'an absolute path or one that starts with ~/, without "." and "..", such as ~/.cargo',
          },
        },
      },
      default: [],
    },
    ports: {
      description: "TCP ports that are reachable at 127.0.0.1 and ::1 of the host: PORT or HOST:INSIDE.",
      type: "array",
      items: {
        anyOf: [
          port,
          {
            type: "string",
            pattern: `^${portPattern}:${portPattern}$`,
            "x-devenv-expected": '"HOST:INSIDE", such as "8080:80"',
          },
        ],
      },
      default: [],
    },
    hostPorts: {
      description:
        "TCP ports of the host's 127.0.0.1 and ::1 that are reachable inside under the same number. The user is asked.",
      type: "array",
      items: port,
      default: [],
    },
    limits: {
      description: "What the environment may use at most.",
      type: "object",
      additionalProperties: false,
      properties: {
        cpus: {
          description: "Processors, also parts of one.",
          type: "number",
          minimum: 0.01,
          maximum: 8192,
          "x-devenv-expected": "a number of processors, such as 2 or 0.5",
        },
        memory: { ...size, description: "Main memory." },
        swap: { ...size, description: "Swap beside limits.memory; none unless said." },
        pids: {
          description: "Processes and threads.",
          type: "integer",
          minimum: 1,
          maximum: 4194304,
          "x-devenv-expected": "a number of processes, such as 1024",
        },
        disk: { ...size, description: "Writable layer, home and volumes together; at least 64 MiB." },
        io: {
          description: "Bytes a second to and from each disk that the store and the project are on.",
          type: "object",
          additionalProperties: false,
          properties: {
            read: { ...rate, description: "What is read." },
            write: { ...rate, description: "What is written." },
          },
        },
      },
      default: {},
    },
    network: {
      description:
        "private: a network of its own, from which the outside is reached and the host's loopback is not; none: loopback only; host: the host's network, the user is asked.",
      type: "string",
      enum: ["private", "none", "host"],
      default: "private",
    },
    hooks: {
      description: "Commands run inside at certain moments.",
      type: "object",
      additionalProperties: false,
      properties: {
        onCreate: { ...command, description: "Once, when the writable layer is new." },
        onStart: { ...command, description: "Each time the environment starts." },
        onEnter: { ...command, description: "Each time somebody enters." },
      },
      default: {},
    },
    services: {
      description: "Programs that run as long as the environment.",
      type: "object",
      additionalProperties: {
        type: "object",
        required: ["run"],
        additionalProperties: false,
        properties: {
          run: command,
          ready: {
            type: "object",
            additionalProperties: false,
            properties: { tcp: { type: "integer", minimum: 1, maximum: 65535 } },
          },
        },
      },
      "x-devenv-unsupported": "start the program in hooks.onStart instead",
    },
    tasks: {
      description: "Commands for `devenv run TASK`.",
      type: "object",
      propertyNames: {
        pattern: "^[A-Za-z0-9][A-Za-z0-9:_.-]*$",
        "x-devenv-expected": "the name of a task: letters, digits, and after the first character : _ . -",
      },
      additionalProperties: command,
      default: {},
    },
    cache: {
      description: "Registry in which a team shares built layers.",
      type: "string",
      "x-devenv-unsupported": "",
    },
  },
} as const satisfies Schema;

/** `devenv.jsonc` as it is written, once it has passed the checks. */
export type ConfigurationFile = FromSchema<typeof configSchema>;

import { canonicalJson } from "./canonical.ts";
import type { Digest, LockedCommand } from "./types.ts";

/** One file of a command's inputs. */
export type InputFile =
  | {
      readonly kind: "file";
      /** Relative to the project. */
      readonly path: string;
      readonly executable: boolean;
      /** Bytes. */
      readonly size: number;
      readonly digest: Digest;
    }
  | {
      readonly kind: "link";
      readonly path: string;
      /** As it stands there. */
      readonly target: string;
    };

/** What digests of inputs stand for, as far as it is known. */
export type InputTrees = ReadonlyMap<Digest, readonly InputFile[]>;

/** As many names are told; there may be thousands. */
const mostNames = 10;

/**
 * In what the commands of two locks differ, by name: `step "python packages": inputs changed: requirements.txt`. Files
 * that a pattern stands for are named where both trees are known, else the pattern is.
 */
export function changedCommands(
  before: readonly LockedCommand[],
  after: readonly LockedCommand[],
  trees: InputTrees,
): string[] {
  const known = new Map(before.map((command) => [command.name, command]));
  const names = after.map(({ name }) => name);
  const common = before.map(({ name }) => name).filter((name) => names.includes(name));
  const isMoved = canonicalJson(common) !== canonicalJson(names.filter((name) => known.has(name)));
  return [
    ...before
      .filter(({ name }) => !names.includes(name))
      .map(({ name }) => `step ${JSON.stringify(name)}: removed`),
    ...after.flatMap((command) => {
      const old = known.get(command.name);
      const reasons = old === undefined ? ["added"] : changesOf(old, command, trees);
      return reasons.length === 0 ? [] : [`step ${JSON.stringify(command.name)}: ${reasons.join("; ")}`];
    }),
    ...(isMoved ? [`the steps are in another order: ${names.join(", ")}`] : []),
  ];
}

/** In what a command differs from what it was before, in clauses. */
export function changesOf(before: LockedCommand, after: LockedCommand, trees: InputTrees): string[] {
  const inputs = changedInputs(before, after, trees);
  const variables = differingKeys(before.env, after.env);
  return [
    ...(before.run === after.run ? [] : ["command changed"]),
    ...(inputs.length === 0 ? [] : [`inputs changed: ${listed(inputs)}`]),
    ...(variables.length === 0 ? [] : [`environment changed: ${listed(variables)}`]),
    ...(before.network === after.network
      ? []
      : [after.network === true ? "it reaches the network now" : "it does without network now"]),
  ];
}

function changedInputs(before: LockedCommand, after: LockedCommand, trees: InputTrees): string[] {
  const changed = differingKeys(before.inputs, after.inputs);
  const names = changed.flatMap((pattern) => {
    const [from, to] = [before.inputs[pattern], after.inputs[pattern]];
    if (from === undefined) return [`${pattern} (new)`];
    if (to === undefined) return [`${pattern} (not asked for any more)`];
    const [old, now] = [trees.get(from), trees.get(to)];
    return old === undefined || now === undefined ? [pattern] : changedFiles(old, now);
  });
  return [...new Set(names)];
}

function changedFiles(before: readonly InputFile[], after: readonly InputFile[]): string[] {
  const [old, now] = [before, after].map((files) => new Map(files.map((file) => [file.path, file])));
  const paths = [...new Set([...before, ...after].map(({ path }) => path))].sort();
  return paths.flatMap((path) => {
    const [from, to] = [old?.get(path), now?.get(path)];
    if (from === undefined) return [`${path} (new)`];
    if (to === undefined) return [`${path} (gone)`];
    return canonicalJson(from) === canonicalJson(to) ? [] : [path];
  });
}

function differingKeys(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): string[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return keys.filter((key) => before[key] !== after[key]);
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, mostNames).join(", ");
  return names.length > mostNames ? `${shown} and ${names.length - mostNames} more` : shown;
}

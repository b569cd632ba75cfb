import type { Configuration, Project } from "../config/index.ts";
import { didYouMean } from "../config/similar.ts";
import { endOfDay } from "../day.ts";
import { DevenvError } from "../errors.ts";
import {
  basePackages,
  baseTitle,
  canonicalJson,
  diffLocks,
  type Lock,
  type LockedPackage,
  type LockedPlatform,
  type LockedToolchain,
  lockedPackages,
  type Platform,
  readLock,
  requestDifferences,
  requestOf,
  writeLock,
} from "../lock/index.ts";
import type { FoundLibraries } from "../resolve/index.ts";
import type { Store } from "../store/index.ts";
import { openInputs, type ProjectInputs } from "./inputs.ts";
import { commandDifferences, readCommands, stillRight, withCommands } from "./lock-commands.ts";
import type { Observer } from "./observer.ts";

export interface LockOptions {
  readonly observer: Observer;
}

export interface UpdateOptions extends LockOptions {
  /** Packages and languages that are to move; all when empty. */
  readonly names: readonly string[];
}

/** What {@link lockProject} found or did. */
export interface LockOutcome {
  readonly lock: Lock;
  /** What the file says now and did not before, one line each; empty when it was right already. */
  readonly changes: readonly string[];
  /** The same of commands that make layers. */
  readonly commandChanges: readonly string[];
}

/** Makes the lock fit the configuration: leaves one alone that does, otherwise moves as little as possible. */
export async function lockProject(
  store: Store,
  project: Project,
  configuration: Configuration,
  options: LockOptions,
): Promise<LockOutcome> {
  const before = await readLock(project.lockFile);
  if (before !== undefined && staleness(before, configuration).length === 0) {
    const commands = await readCommands(store, project, configuration);
    const commandChanges = await commandDifferences(store, before, commands);
    if (commandChanges.length === 0) return { lock: before, changes: [], commandChanges };
    const lock = keepImages(before, withCommands(before, commands));
    await writeLock(project.lockFile, lock);
    return { lock, changes: [], commandChanges };
  }
  return await relock(store, project, configuration, { observer: options.observer, before });
}

/**
 * Resolves again against today's archive. With names, only those packages may move, and what has to follow them.
 *
 * @throws DevenvError `DEVENV_NOT_LOCKED` when a name is not in the lock.
 */
export async function updateProject(
  store: Store,
  project: Project,
  configuration: Configuration,
  options: UpdateOptions,
): Promise<LockOutcome> {
  const { observer, names } = options;
  const before = await readLock(project.lockFile);
  const previous =
    before === undefined || names.length === 0 ? undefined : without(before, names, project.lockFile);
  return await relock(store, project, configuration, { observer, before, previous, refresh: true });
}

/**
 * The lock, when it is right for the configuration.
 *
 * @throws DevenvError `DEVENV_LOCK_STALE` that names what is missing or differs, and what reading the inputs of commands
 * throws.
 */
export async function requireLock(
  store: Store,
  project: Project,
  configuration: Configuration,
): Promise<Lock> {
  const lock = await readLock(project.lockFile);
  const differences = lock === undefined ? ["there is none"] : staleness(lock, configuration);
  if (lock !== undefined)
    differences.push(
      ...(await commandDifferences(store, lock, await readCommands(store, project, configuration))),
    );
  if (lock !== undefined && differences.length === 0) return lock;
  throw new DevenvError(
    "DEVENV_LOCK_STALE",
    [`${project.lockFile}: does not fit devenv.jsonc`, ...differences.map((line) => `  ${line}`)].join("\n"),
    { hint: "Run `devenv lock` and commit devenv.lock." },
  );
}

/** In what a lock and a configuration differ, one line each; empty when the lock is right. */
export function staleness(lock: Lock, configuration: Configuration): string[] {
  // Whatever a lock says that it was made for.
  const absent = configuration.platforms.filter((platform) => lock.platforms[platform] === undefined);
  return [
    ...new Set([
      ...requestDifferences(lock.request, requestOf(configuration)),
      ...absent.map((platform) => `platform ${platform} is not locked`),
    ]),
  ];
}

/** The lock without some of its packages and languages, so that nothing holds them where they are. */
export function without(lock: Lock, names: readonly string[], file: string): Lock {
  const platforms = Object.entries(lock.platforms) as [Platform, LockedPlatform][];
  for (const name of names) {
    if (platforms.some(([, platform]) => holds(platform, name) || speaks(platform, name))) continue;
    const locked = platforms.flatMap(([, platform]) => [
      ...(platform.toolchains ?? []).map((one) => one.language),
      ...lockedPackages(platform).map((one) => one.name),
    ]);
    throw new DevenvError(
      "DEVENV_NOT_LOCKED",
      `${file}: holds no package or language ${JSON.stringify(name)}${didYouMean(name, locked)}`,
      { usage: true, hint: "`devenv add NAME` adds a package." },
    );
  }
  const rest = (packages: readonly LockedPackage[]) => packages.filter(({ name }) => !names.includes(name));
  return {
    ...lock,
    platforms: Object.fromEntries(
      platforms.map(([platform, locked]) => {
        const packages = rest(basePackages(locked));
        const base = locked.base.kind === "image" ? locked.base : { ...locked.base, packages };
        const toolchains = (locked.toolchains ?? []).filter(({ language }) => !names.includes(language));
        return [platform, { ...locked, base, packages: rest(locked.packages), toolchains }];
      }),
    ),
  };
}

/** `after` with the images of `before` wherever nothing that decides the image has changed. */
export function keepImages(before: Lock, after: Lock): Lock {
  const platforms = Object.entries(after.platforms) as [Platform, LockedPlatform][];
  return {
    ...after,
    platforms: Object.fromEntries(
      platforms.map(([platform, locked]) => {
        const { built: _, image: __, ...decided } = locked;
        return [platform, { ...decided, ...recordsOf(before.platforms[platform], locked) }];
      }),
    ),
  };
}

/** Where only commands changed, what is below the first of them stays as it was. */
function recordsOf(old: LockedPlatform | undefined, locked: LockedPlatform): Partial<LockedPlatform> {
  if (old === undefined) return {};
  const { built, image } = old;
  if (canonicalJson(inputs(old)) === canonicalJson(inputs(locked)))
    return { ...(image === undefined ? {} : { image }), ...(built === undefined ? {} : { built }) };
  if (canonicalJson(belowCommands(old)) !== canonicalJson(belowCommands(locked))) return {};
  const right = stillRight(old, locked.layers ?? []);
  return right.length === 0 ? {} : { built: right };
}

interface RelockOptions extends LockOptions {
  /** What the file says now, compared with what it will say. */
  readonly before: Lock | undefined;
  /** What may stay as it is; `before` unless given. */
  readonly previous?: Lock | undefined;
  /** Ask the archive for news. */
  readonly refresh?: boolean;
  /** Packages that have the libraries of toolchains. */
  readonly found?: FoundLibraries;
}

async function relock(
  store: Store,
  project: Project,
  configuration: Configuration,
  options: RelockOptions,
): Promise<LockOutcome> {
  const { before, found = new Map(), observer, refresh = false } = options;
  refuseFuture(configuration);
  // Nothing of one day's lock is to hold back what there was on another.
  const isOfDay = before?.request.asOf === configuration.asOf;
  const previous = !isOfDay ? undefined : "previous" in options ? options.previous : before;
  const commands = await readCommands(store, project, configuration);
  observer.begin(`resolving ${configuration.platforms.join(" and ")}`);
  const keep = found.size === 0;
  const opened = await openInputs(store, configuration, previous, { refresh, keep });
  const toolchains = await chooseToolchains(project, configuration, opened, { ...options, found, previous });
  const { resolveLock } = await import("../resolve/index.ts");
  const resolved = resolveLock(configuration, opened.inputs, previous, toolchains);
  observer.end();
  const wanted = withCommands(resolved, commands);
  const lock = before === undefined ? wanted : keepImages(before, wanted);
  if (before === undefined || canonicalJson(before) !== canonicalJson(lock))
    await writeLock(project.lockFile, lock);
  const commandChanges = before === undefined ? [] : await commandDifferences(store, before, commands);
  return { lock, changes: diffLocks(before, lock), commandChanges };
}

function refuseFuture({ asOf }: Configuration): void {
  if (asOf === undefined || endOfDay(asOf).getTime() < Date.now()) return;
  throw new DevenvError("DEVENV_AS_OF", `asOf: ${asOf} is not over yet`, {
    usage: true,
    about: [asOf],
    hint: "Name a day that is past (days end at midnight UTC), or leave it away for what there is now.",
  });
}

async function chooseToolchains(
  project: Project,
  configuration: Configuration,
  { facts, indexes }: ProjectInputs,
  options: RelockOptions & Required<Pick<RelockOptions, "found">>,
): Promise<ReadonlyMap<Platform, readonly LockedToolchain[]>> {
  if (Object.keys(configuration.languages).length === 0) return new Map();
  const { before, found, observer, previous } = options;
  const [{ lockToolchains }, { withLibraries }] = await Promise.all([
    import("./lock-toolchains.ts"),
    import("../resolve/index.ts"),
  ]);
  const note = (text: string): void => observer.note(text);
  const directory = project.root;
  const chosen = await lockToolchains(configuration, { facts, indexes, previous, note, directory });
  return new Map(
    [...chosen].map(([platform, toolchains]) => {
      const known = before?.platforms[platform];
      const sameBase = known !== undefined && baseTitle(known.base) === baseTitle(configuration.base);
      const last = sameBase ? known : undefined;
      return [platform, withLibraries(toolchains, { found, index: indexes.get(platform), previous: last })];
    }),
  );
}

/** Adds packages that have the libraries of toolchains, by language; nothing else moves. */
export async function lockLibraries(
  store: Store,
  project: Project,
  configuration: Configuration,
  { before, found, observer }: LockOptions & { readonly before: Lock; readonly found: FoundLibraries },
): Promise<LockOutcome> {
  return await relock(store, project, configuration, { before, found, observer });
}

function speaks({ toolchains = [] }: LockedPlatform, name: string): boolean {
  return toolchains.some(({ language }) => language === name);
}

function holds(platform: LockedPlatform, name: string): boolean {
  return lockedPackages(platform).some((item) => item.name === name);
}

function inputs({ built, image, ...decided }: LockedPlatform): unknown {
  return decided;
}

function belowCommands({ built, image, layers, ...decided }: LockedPlatform): unknown {
  return decided;
}

import type { LockedRelease } from "../../lock/types.ts";

/** The Debian releases that can be a base. */
export const suites = ["bullseye", "bookworm", "trixie"] as const;
export type Suite = (typeof suites)[number];

/** The two archives a release is spread over. */
export const archives = ["debian", "debian-security"] as const;
export type ArchiveName = (typeof archives)[number];

/** For each archive the URLs of its root, without a slash at the end, in the order they are tried. */
export type Mirrors = Readonly<Record<ArchiveName, readonly string[]>>;

/** What a stanza of a Packages file says, as far as resolving and installing need it. */
export interface PackageRecord {
  readonly name: string;
  readonly version: string;
  /** The index's architecture, or `all`. */
  readonly architecture: string;
  readonly multiArch?: "foreign" | "same" | "allowed";
  readonly essential: boolean;
  readonly priority: string;
  readonly section?: string;
  /** The relation fields are the archive's own text, empty when the field is absent. */
  readonly depends: string;
  readonly preDepends: string;
  readonly conflicts: string;
  readonly breaks: string;
  readonly provides: string;
  /** Source package with its version where that differs: `gcc-12 (12.2.0-14)`; absent when it is `name`. */
  readonly source?: string;
  /** The first line of the description. */
  readonly description?: string;
  /** SHA-256 of the .deb, hexadecimal. */
  readonly sha256: string;
  readonly size: number;
  /** Path of the .deb below the archive's root, `pool/…`. */
  readonly path: string;
  readonly archive: ArchiveName;
  /** The suite that lists it: `bookworm`, `bookworm-updates` or `bookworm-security`. */
  readonly suite: string;
  /**
   * Number of its name by the `MentionOrder` of its own Packages file, plus 2^24 for each suite before: the release's
   * names come before those of the updates, and those before the ones of the security updates.
   */
  readonly order: number;
}

/**
 * All packages of one release for one architecture: those built for it and those for `all`, from the release itself,
 * its updates and its security updates. The same file listed by several suites appears once. Looking the same
 * package up twice gives the same object.
 */
export interface PackageIndex {
  readonly architecture: string;
  /** The signed indexes it was made from. */
  readonly releases: readonly LockedRelease[];
  /** All versions of the package of this name, in the order of the suites, the newest suites last. */
  byName(name: string): readonly PackageRecord[];
  /** All packages with `name` in their Provides field. */
  providers(name: string): readonly PackageRecord[];
  /** All packages marked `Essential: yes`. */
  essentials(): readonly PackageRecord[];
  /** All packages of `Priority: required`. */
  required(): readonly PackageRecord[];
  /** All packages whose name or description holds `word`, whatever the case; the best matches first. */
  search(word: string): readonly PackageRecord[];
}

/** How {@link openIndexes} works. */
export interface OpenIndexesOptions {
  /** The store: indexes are kept in `indexes/` below its root. */
  readonly store: { readonly root: string };
  readonly mirrors: Mirrors;
  /** The day (`2024-03-17`) whose archive it is, of which the mirrors have to be; the present one unless given. */
  readonly asOf?: string | undefined;
  /** Use what is in the store and never the network. */
  readonly offline?: boolean;
  /** Ask the archive for news even when the last look is less than an hour ago. */
  readonly refresh?: boolean;
  /** The time that `Valid-Until` and the last look are compared with; unless given the clock's, or the end of `asOf`. */
  readonly now?: Date;
  /** Armored OpenPGP keys, one of which must have signed; Debian's archive keys unless given. */
  readonly keys?: readonly string[];
}

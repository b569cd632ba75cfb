import { fulfils, type PackageRecord, parseRelations, type RelationGroup } from "../sources/debian/index.ts";

/** Packages that are installed together, asked for what satisfies a relation. */
export class PackageSet {
  readonly #byName = new Map<string, PackageRecord>();
  readonly #providers = new Map<string, { record: PackageRecord; version: string | undefined }[]>();

  constructor(records: Iterable<PackageRecord>) {
    for (const record of records) {
      this.#byName.set(record.name, record);
      for (const { name, constraint } of parseRelations(record.provides).flat()) {
        const others = this.#providers.get(name) ?? [];
        this.#providers.set(name, [...others, { record, version: constraint?.version }]);
      }
    }
  }

  get(name: string): PackageRecord | undefined {
    return this.#byName.get(name);
  }

  /**
   * What satisfies the first alternative that anything satisfies: the package of the name, else one that provides
   * it.
   */
  satisfying(group: RelationGroup): PackageRecord | undefined {
    for (const { name, constraint } of group) {
      const own = this.#byName.get(name);
      if (own !== undefined && fulfils(own.version, constraint)) return own;
      const provider = this.#providers.get(name)?.find(({ version }) => fulfils(version, constraint));
      if (provider !== undefined) return provider.record;
    }
    return undefined;
  }

  /** The packages that provide a name. */
  providing(name: string): PackageRecord[] {
    return (this.#providers.get(name) ?? []).map(({ record }) => record);
  }
}

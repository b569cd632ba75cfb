/**
 * The target of the first link with the relation, of Link fields (RFC 8288 section 3); undefined when there is none.
 */
export function linkTarget(values: readonly string[], relation: string): string | undefined {
  for (const value of values) {
    const link =
      /[\s,]*<([^>]*)>((?:\s*;\s*[\w!#$&+.^`|~-]+\*?(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s",;]*))?)*)/gy;
    for (let match = link.exec(value); match !== null; match = link.exec(value)) {
      const [, target, parameters = ""] = match;
      const rel = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s",;]*))/i.exec(parameters);
      const relations = (rel?.[1] ?? rel?.[2] ?? "").toLowerCase().split(/\s+/);
      if (relations.includes(relation)) return target;
    }
  }
  return undefined;
}

/** JSON with the keys of every object sorted by code unit, so that equal data gives equal text. */
export function canonicalJson(value: unknown, indentation?: number): string {
  return JSON.stringify(sorted(value), undefined, indentation);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return Object.fromEntries(entries.map(([key, member]) => [key, sorted(member)]));
}

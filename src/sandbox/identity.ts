export async function identityMap(): Promise<string[]> {
  return ["1000:0:1", "0:1879048192:1000", "1001:1879049193:64535"];
}
export function mapOptions(maps: string[]): string[] {
  return maps.flatMap((m) => ["--uid-map", m, "--gid-map", m]);
}

import { Command, Option } from "clipanion";
import type { StoreVerification } from "../environment/store-check/verify-store.ts";
import { DevenvCommand } from "./command.ts";
import { formatJson, withView } from "./output.ts";

export class StoreVerifyCommand extends DevenvCommand {
  static override paths = [["store", "verify"]];
  static override usage = Command.Usage({
    description: "check everything in the store against its digest, and mend it",
    details:
      "Each blob, the files of each layer, and what records refer to. What is damaged is removed with what refers to it, and the next `devenv up` makes it again; a layer that a running environment stands on is named and stays until that ends. Environments, homes and volumes are not touched. Fails when there was damage, also when all of it was mended.",
  });

  dryRun = Option.Boolean("--dry-run", false, { description: "only say what is damaged" });
  json = Option.Boolean("--json", false, { description: "print as JSON" });

  protected async run(): Promise<number> {
    const { openStore } = await import("../store/store.ts");
    const { verifyStore } = await import("../environment/store-check/verify-store.ts");
    const store = await openStore();
    const { dryRun } = this;
    const found = await withView(this.context.stderr, (observer) => verifyStore(store, { observer, dryRun }));
    this.context.stdout.write(this.json ? formatJson(found) : formatVerification(found, dryRun));
    return found.damage.length > 0 ? 1 : 0;
  }
}

function formatVerification(
  { blobs, damage, layers, leftovers, unknownLayers }: StoreVerification,
  dryRun: boolean,
): string {
  const open = damage.filter(({ isMended }) => !isMended).length;
  const mended = open === 0 ? "all mended" : `${open} not mended`;
  const verdict = damage.length === 0 ? "no damage" : `${damage.length} damaged, ${mended}`;
  return [
    ...damage.map(({ outcome, path, problem }) => `${path}: ${problem}\n  ${outcome}\n`),
    ...leftovers.map((path) => `${path}: left by a killed command${dryRun ? "" : ", removed"}\n`),
    ...unknownLayers.map((diffID) => `${diffID}: not checked, no record says what its files have to be\n`),
    `${blobs} blobs and ${layers} layers: ${verdict}\n`,
  ].join("");
}

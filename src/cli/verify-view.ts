import { describeDifferences } from "../build/layer-differences.ts";
import type { Verification } from "../environment/verify/verify-project.ts";

/** A verification as people read it. */
export function describeVerification(verification: Verification): string {
  const { built, circumstances, isSame, layers, platform, recorded } = verification;
  const lines = isSame
    ? [`${platform} ${built}, as recorded`]
    : [
        `${platform} differs from what devenv.lock records`,
        `  recorded ${recorded}`,
        `  built    ${built}`,
        ...layers.flatMap(({ step, name = step, differences, ...digests }) => [
          `layer ${name}: recorded ${digests.recorded ?? "none"}, built ${digests.built ?? "none"}`,
          ...(differences === undefined
            ? ["  the recorded layer is not in the store, so that its files cannot be compared"]
            : describeDifferences(differences).map((line) => `  ${line}`)),
        ]),
      ];
  return [...lines, `built with ${circumstances.join(", ")}`, ""].join("\n");
}

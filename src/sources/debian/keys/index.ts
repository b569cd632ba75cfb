import { bookwormAutomatic } from "./bookworm-automatic.ts";
import { bookwormSecurityAutomatic } from "./bookworm-security-automatic.ts";
import { bookwormStable } from "./bookworm-stable.ts";
import { bullseyeAutomatic } from "./bullseye-automatic.ts";
import { bullseyeSecurityAutomatic } from "./bullseye-security-automatic.ts";
import { bullseyeStable } from "./bullseye-stable.ts";
import { trixieAutomatic } from "./trixie-automatic.ts";
import { trixieSecurityAutomatic } from "./trixie-security-automatic.ts";
import { trixieStable } from "./trixie-stable.ts";

/**
 * The keys that sign Debian's archives: per release the archive's, the security archive's and the release team's own.
 * Exported with `gpg --export --armor --export-options export-minimal` from the package debian-archive-keyring.
 */
export const debianArchiveKeys: readonly string[] = [
  bullseyeAutomatic,
  bullseyeSecurityAutomatic,
  bullseyeStable,
  bookwormAutomatic,
  bookwormSecurityAutomatic,
  bookwormStable,
  trixieAutomatic,
  trixieSecurityAutomatic,
  trixieStable,
];

import { DevenvError } from "../../errors.ts";

/**
 * The text that is signed in a clearsigned file (RFC 9580 section 7). One valid signature by one of the keys is
 * enough: archives sign with the keys of several releases, so that older hosts and newer ones can check.
 *
 * @param url names the file in errors.
 * @param now the time signatures and keys must be valid at.
 * @throws DevenvError `DEVENV_ARCHIVE_SIGNATURE` when there is no valid signature by one of the keys.
 */
export async function verifyClearsigned(
  file: Uint8Array,
  keys: readonly string[],
  url: string,
  now: Date,
): Promise<string> {
  const text = Buffer.from(file.buffer, file.byteOffset, file.byteLength).toString("utf8");
  if (!isClearsigned(text)) {
    throw refused(`${url}: is not a signed file (it begins with ${JSON.stringify(text.slice(0, 40))})`);
  }
  // Loaded on first use: with indexes in the store nothing is left to verify.
  const { readCleartextMessage, readKeys, verify } = await import("openpgp");
  const verificationKeys = await readAllKeys(keys, readKeys);
  const known = verificationKeys.map((key) => key.getFingerprint().toUpperCase());
  const { data, signatures } = await readCleartextMessage({ cleartextMessage: text })
    .then((message) => verify({ message, verificationKeys, date: now }))
    .catch((cause: unknown) => {
      throw refused(`${url}: the signature cannot be read`, cause);
    });
  const results = await Promise.allSettled(signatures.map(({ verified }) => verified));
  if (results.some((result) => result.status === "fulfilled")) return data;
  const reasons = signatures.map(({ keyID }, index) => {
    const result = results[index];
    return `${keyID.toHex().toUpperCase()} (${result?.status === "rejected" ? messageOf(result.reason) : "?"})`;
  });
  throw refused(
    `${url}: no valid signature by a key of the archive; found ${reasons.length === 0 ? "none" : reasons.join(", ")}, known are ${known.join(", ")}`,
  );
}

/**
 * As apt expects it: one signed message, nothing before and nothing behind it. No line of the signed text itself
 * can look like a mark, for a dash at its start is escaped.
 */
function isClearsigned(text: string): boolean {
  const marks = text.match(/^-----.*$/gm) ?? [];
  const [begin = "", middle, end = ""] = marks.map((mark) => mark.trimEnd());
  return (
    marks.length === 3 &&
    begin === "-----BEGIN PGP SIGNED MESSAGE-----" &&
    middle === "-----BEGIN PGP SIGNATURE-----" &&
    end === "-----END PGP SIGNATURE-----" &&
    text.startsWith(begin) &&
    text.trimEnd().endsWith(end)
  );
}

async function readAllKeys(
  armored: readonly string[],
  readKeys: typeof import("openpgp").readKeys,
): Promise<import("openpgp").Key[]> {
  return (await Promise.all(armored.map((armoredKeys) => readKeys({ armoredKeys })))).flat();
}

function refused(message: string, cause?: unknown): DevenvError {
  return new DevenvError("DEVENV_ARCHIVE_SIGNATURE", message, {
    hint: "The mirror does not serve Debian's own archive, or something on the way changed the file (a proxy, a login page). Try another mirror.",
    cause,
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

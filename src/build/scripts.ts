import type { LockedPackage, LockedToolchain } from "../lock/index.ts";
import { normalisationScript } from "./normalise.ts";

/** Where a step finds the files of its packages, named by {@link packageFile}. */
export const packagesInside = "/run/devenv-packages";

export function packageFile({ name, architecture }: LockedPackage): string {
  return `${name}_${architecture}.deb`;
}

/** What every step sees; nothing of the user's own environment gets in. */
export function stepEnvironment(epoch: number): Record<string, string> {
  return {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: "/root",
    LC_ALL: "C.UTF-8",
    TZ: "UTC",
    DEBIAN_FRONTEND: "noninteractive",
    DEBCONF_NONINTERACTIVE_SEEN: "true",
    SOURCE_DATE_EPOCH: String(epoch),
    // The order in which hashes are walked gets into files: compiled Python, debconf's database.
    PYTHONHASHSEED: "0",
    PERL_HASH_SEED: "0",
    // TeX heeds SOURCE_DATE_EPOCH only with this.
    FORCE_SOURCE_DATE: "1",
  };
}

/**
 * Configures a root into which all packages were unpacked at once: what `dpkg --install` would do beside unpacking.
 * base-passwd comes first, because others expect the users it makes without saying so (Debian Policy 3.8).
 */
export function baseScript(packages: readonly LockedPackage[]): string {
  const first = packages.filter(({ name }) => name === "base-passwd");
  const others = packages.filter(({ name }) => name !== "base-passwd");
  return [
    prologue,
    preinstFunction,
    ...[...first, ...others].map(({ name, architecture }) => `preinst ${name} ${architecture}`),
    ...first.map(({ name }) => `dpkg --force-unsafe-io --force-depends --configure ${name}`),
    "dpkg --force-unsafe-io --configure -a",
    epilogue,
  ].join("\n");
}

/** Installs packages into a root with a working dpkg, stage by stage. */
export function packagesScript(packages: readonly LockedPackage[]): string {
  return [prologue, ...installCommands(packages, []), epilogue].join("\n");
}

/**
 * Does the same in the root of somebody else's image, some of whose packages may become newer: what a new package
 * breaks is out of order until its newer version is there, and configuration files stay as the image has them. A policy
 * for services that the image brings stays as well.
 */
export function imagePackagesScript(packages: readonly LockedPackage[]): string {
  return [
    imagePrologue,
    ...installCommands(packages, ["--auto-deconfigure", "--force-confdef", "--force-confold"]),
    imageEpilogue,
  ].join("\n");
}

function installCommands(packages: readonly LockedPackage[], more: readonly string[]): string[] {
  const options = ["--force-unsafe-io", ...more].join(" ");
  const stages = [...new Set(packages.map(stageOf))].sort((a, b) => a - b);
  return stages.map((stage) => {
    const files = packages
      .filter((one) => stageOf(one) === stage)
      .map((one) => `${packagesInside}/${packageFile(one)}`);
    return [
      `dpkg ${options} --force-depends --unpack ${files.join(" ")}`,
      `dpkg ${options} --configure -a`,
    ].join("\n");
  });
}

/** Tells the linker of new libraries and asks each toolchain for its version, with the variables it will have. */
export function toolchainsScript(
  toolchains: readonly LockedToolchain[],
  variables: Readonly<Record<string, string>>,
): string {
  const assignments = Object.entries({ ...variables, HOME: "/tmp", PYTHONDONTWRITEBYTECODE: "1" })
    .map(([name, value]) => `${name}=${shellWord(value)}`)
    .join(" ");
  return [
    "set -e",
    "cd /",
    "if [ -e /etc/ld.so.cache ]; then ldconfig; rm -rf /var/cache/ldconfig; fi",
    "ask() {",
    `  found=$(${assignments}; export ${Object.keys(variables).join(" ")} HOME PYTHONDONTWRITEBYTECODE; shift 2; "$@" 2>&1) ||`,
    '    { echo "$1 $2 does not run: $found"; exit 1; }',
    '  case "$found" in *"$2"*) ;; *) echo "$1 says $found where $2 was expected"; exit 1 ;; esac',
    "}",
    ...toolchains.map(({ check, language, version }) =>
      ["ask", language, version, ...check].map(shellWord).join(" "),
    ),
    "",
  ].join("\n");
}

/** A word as a shell reads it. */
export function shellWord(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

const policy = "/usr/sbin/policy-rc.d";

/** invoke-rc.d asks it whether a service may be started: 101 is "forbidden" (Debian Policy 9.3.3). */
const forbidServices = `printf '#!/bin/sh\\nexit 101\\n' >${policy}
chmod 0755 ${policy}`;

const begin = `set -e
cd /
chown 0:0 /
chmod 0755 /`;

const prologue = `${begin}
${forbidServices}`;

const epilogue = `rm -f ${policy}
${normalisationScript()}`;

const imagePrologue = `${begin}
if [ -e ${policy} ]; then own=yes; else own=no
${forbidServices}
fi`;

const imageEpilogue = `if [ "$own" = no ]; then rm -f ${policy}; fi
${normalisationScript()}`;

/**
 * Debian Policy 6.6 says how a preinst script is called, dpkg(1) with which environment; failures as dpkg words
 * them.
 */
const preinstFunction = `preinst() {
  for script in "/var/lib/dpkg/info/$1.preinst" "/var/lib/dpkg/info/$1:$2.preinst"; do
    if [ -e "$script" ]; then
      DPKG_MAINTSCRIPT_NAME=preinst DPKG_MAINTSCRIPT_PACKAGE="$1" DPKG_MAINTSCRIPT_ARCH="$2" \\
        DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT=1 DPKG_ADMINDIR=/var/lib/dpkg DPKG_ROOT="" "$script" install ||
        { echo "dpkg: error processing package $1 (preinst)"; exit 1; }
    fi
  done
}`;

function stageOf(one: LockedPackage): number {
  return one.stage ?? 0;
}

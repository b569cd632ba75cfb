/** One thing that a build leaves different each time, or that says something about the machine it ran on. */
export interface Normalisation {
  /** Why the image is better without it. */
  readonly reason: string;
  /** Absolute paths, shell patterns allowed, removed with everything below. */
  readonly remove?: readonly string[];
  /** Absolute paths, shell patterns allowed, of files that stay but become empty. */
  readonly empty?: readonly string[];
  /** Shell commands for what is neither; `$SOURCE_DATE_EPOCH` is the time of the image. */
  readonly run?: string;
}

/** Applied in this order at the end of every step, inside the sandbox, before the layer is packed. */
export const normalisations: readonly Normalisation[] = [
  {
    reason: "ldconfig's own cache holds inode numbers and times; it is made again when it is missing",
    remove: ["/var/cache/ldconfig/aux-cache"],
  },
  {
    reason: "logs say when each package was installed",
    remove: [
      "/var/log/dpkg.log",
      "/var/log/bootstrap.log",
      "/var/log/alternatives.log",
      "/var/log/fontconfig.log",
      "/var/log/apt/history.log",
      "/var/log/apt/term.log",
      "/var/log/apt/eipp.log.xz",
      "/var/lib/texmf/web2c/*.log",
      "/var/lib/texmf/web2c/*/*.log",
    ],
  },
  {
    reason: "records of logins; a user that a package adds is written at the offset of its number",
    empty: ["/var/log/lastlog", "/var/log/faillog", "/var/log/btmp", "/var/log/wtmp"],
  },
  {
    reason: "apt's indexes and the caches made from them are those of the day",
    remove: ["/var/cache/apt/*.bin", "/var/cache/apt/archives/*.deb", "/var/lib/apt/lists/*"],
  },
  {
    reason: "the number of one machine; software makes one where the file is empty",
    empty: ["/etc/machine-id"],
    remove: ["/var/lib/dbus/machine-id"],
  },
  {
    reason:
      "the day a password was last changed is the day of the build; old versions ignore SOURCE_DATE_EPOCH",
    run: `day=$((SOURCE_DATE_EPOCH / 86400))
if [ -f /etc/shadow ] && grep -Eqv "^[^:]*:[^:]*:($day)?:" /etc/shadow; then
  sed -i "s/^\\([^:]*:[^:]*:\\)[0-9]\\{1,\\}:/\\1$day:/" /etc/shadow
fi`,
  },
  {
    reason:
      "copies that tools keep of a file's state before their last change: they depend on the order of changes",
    remove: [
      "/etc/passwd-",
      "/etc/group-",
      "/etc/shadow-",
      "/etc/gshadow-",
      "/etc/subuid-",
      "/etc/subgid-",
      "/var/lib/dpkg/status-old",
      "/var/lib/dpkg/diversions-old",
      "/var/lib/dpkg/statoverride-old",
      "/var/lib/dpkg/available-old",
      "/var/cache/debconf/*-old",
      "/var/lib/ucf/*.[0-9]",
    ],
  },
  {
    reason: "locks of programs that ended with the step",
    remove: [
      "/etc/.pwd.lock",
      "/var/lib/dpkg/lock",
      "/var/lib/dpkg/lock-frontend",
      "/var/lib/dpkg/triggers/Lock",
      "/var/cache/apt/archives/lock",
    ],
  },
  {
    reason: "an index of manual pages holds the time of each; man works without it",
    remove: ["/var/cache/man/*"],
  },
  {
    reason:
      "before 3.11 Python wrote constant sets in the order of their random hashes, and packages compile with -E, which ignores PYTHONHASHSEED",
    run: `for python in /usr/bin/python3.[0-9] /usr/bin/python3.10; do
  if [ -x "$python" ]; then
    tag=cpython-$(basename "$python" | tr -d a-z.)
    find /usr -name "*.$tag.pyc" -newer "$0" | LC_ALL=C sort | tag=$tag "$python" -S -c '
import os, py_compile, sys
for pyc in sys.stdin.read().splitlines():
    source = pyc.replace("/__pycache__/", "/")[:-len("..pyc" + os.environ["tag"])] + ".py"
    if os.path.exists(source):
        py_compile.compile(source, cfile=pyc)
'
  fi
done`,
  },
  {
    reason:
      "Java's store of certificates holds the time at which each was added, in no order; the digest at its end is that of the format's own phrase and Debian's password",
    run: `store=/etc/ssl/certs/java/cacerts
if [ -s "$store" ]; then
  perl -e '
    binmode STDIN; binmode STDOUT; local $/; my $in = <STDIN>;
    my ($magic, $version, $count) = unpack "N3", $in;
    die "no Java key store of version 2\\n" unless $magic == 0xfeedfeed && $version == 2;
    my ($at, %entries) = (12);
    for (1 .. $count) {
      my ($kind, $name) = unpack "N n/a", substr $in, $at;
      die "the key store holds more than certificates\\n" unless $kind == 2;
      my $added = $at + 6 + length $name;
      my ($type, $certificate) = unpack "n/a N/a", substr $in, $added + 8;
      my $end = $added + 14 + length($type) + length $certificate;
      $entries{$name} = substr($in, $at, $added - $at) . pack("Q>", $ENV{SOURCE_DATE_EPOCH} * 1000) .
        substr $in, $added + 8, $end - $added - 8;
      $at = $end;
    }
    print substr($in, 0, 12), map { $entries{$_} } sort keys %entries;
  ' <"$store" >/run/devenv-cacerts
  { printf changeit | sed "s/./\\x00&/g"; printf "Mighty Aphrodite"; cat /run/devenv-cacerts; } |
    sha1sum | perl -ne 'print pack "H40", $_' >/run/devenv-cacerts-digest
  cat /run/devenv-cacerts-digest >>/run/devenv-cacerts
  cmp -s /run/devenv-cacerts "$store" || cat /run/devenv-cacerts >"$store"
fi`,
  },
  {
    reason: "Octave writes down when it made the list of its packages",
    run: `list=/usr/share/octave/octave_packages
if grep -q "^# Created by Octave [0-9.]*, " "$list" 2>/dev/null; then
  sed -i "1s/^\\(# Created by Octave [0-9.]*\\), .*/\\1/" "$list"
fi`,
  },
  {
    reason: "font caches hold the times of directories; they are made again in the user's cache",
    remove: ["/var/cache/fontconfig/*"],
  },
  {
    reason: "made for the machine the build ran on: kernel, boot, disks",
    remove: [
      "/etc/apt/apt.conf.d/01autoremove-kernels",
      "/var/lib/systemd/catalog/database",
      "/var/lib/systemd/random-seed",
      "/etc/nvme/hostid",
      "/etc/nvme/hostnqn",
    ],
  },
  {
    reason: "the sandbox gives each environment its own",
    remove: ["/etc/resolv.conf", "/etc/hostname"],
  },
  {
    reason:
      "secret keys: everyone with the same image would have the same; `dpkg-reconfigure openssh-server` makes new ones",
    remove: ["/etc/ssh/ssh_host_*_key", "/etc/ssh/ssh_host_*_key.pub"],
  },
  {
    reason:
      "a secret key with its certificate, as above; `make-ssl-cert generate-default-snakeoil` makes new ones",
    remove: ["/etc/ssl/private/ssl-cert-snakeoil.key", "/etc/ssl/certs/ssl-cert-snakeoil.pem"],
  },
  {
    reason: "a database cluster has a random number and times in it; a project makes its own with initdb",
    remove: [
      "/var/lib/postgresql/*/main",
      "/etc/postgresql/*/main",
      "/var/log/postgresql/*",
      "/var/lib/mysql/*",
    ],
  },
  {
    reason:
      "nothing that a package needs later is left in a directory for temporary files (/tmp and /run are not part of a step)",
    remove: ["/var/tmp/*", "/var/tmp/.[!.]*"],
  },
];

/** The shell script that applies the entries to the root it runs in. */
export function normalisationScript(entries: readonly Normalisation[] = normalisations): string {
  return `${entries.map(commandsOf).join("\n")}\n`;
}

function commandsOf(entry: Normalisation): string {
  const commands: string[] = [];
  if (entry.remove !== undefined) commands.push(`rm -rf ${entry.remove.map(checked).join(" ")}`);
  if (entry.empty !== undefined) {
    // Writing to a file that is empty already would give each layer a copy of it.
    commands.push(
      `for file in ${entry.empty.map(checked).join(" ")}; do if [ -s "$file" ]; then : >"$file"; fi; done`,
    );
  }
  if (entry.run !== undefined) commands.push(entry.run);
  return commands.join("\n");
}

function checked(pattern: string): string {
  if (!/^\/[\w./*+[\]!-]+$/.test(pattern)) {
    throw new Error(`Assertion failed: ${pattern} cannot stand in a script`);
  }
  return pattern;
}

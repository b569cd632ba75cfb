import { createHash } from "node:crypto";

/** Development packages by names that people know them by; the last ones are virtual. */
export const wellKnownPackages: readonly string[] = `
  git gcc g++ clang cmake make build-essential python3 python3-dev python3-venv python3-pip nodejs npm golang
  rustc cargo default-jdk default-jre maven gradle ant ruby ruby-dev bundler php-cli php-fpm composer perl ghc
  erlang elixir ocaml r-base lua5.4 sbcl gnat gfortran nasm postgresql-15 libpq-dev redis-server mariadb-server
  sqlite3 libsqlite3-dev memcached rabbitmq-server nginx apache2 haproxy vim neovim tmux zsh fish curl wget jq
  ripgrep rsync openssh-client openssh-server gnupg ca-certificates docker.io podman ansible qemu-system-x86 gdb
  valgrind strace meson ninja-build autoconf automake libtool pkg-config bison flex protobuf-compiler libssl-dev
  zlib1g-dev libxml2-dev libcurl4-openssl-dev libffi-dev imagemagick ffmpeg graphviz texlive-latex-extra pandoc
  libreoffice-writer firefox-esr chromium libgtk-3-dev python3-numpy python3-scipy python3-django systemd awk
  mail-transport-agent java-compiler
`
  .trim()
  .split(/\s+/);

/**
 * Random sets of one to twelve names, each set sorted. The same names and seed give the same sets, and a few names
 * more or less change few of them: every name has a place on a circle, and each draw takes the next one on it.
 */
export function drawSets(names: readonly string[], count: number, seed: number): string[][] {
  const circle = names.map((name) => ({ name, place: placeOf(name) })).sort((a, b) => a.place - b.place);
  const random = randomNumbers(seed);
  const draw = (): string => {
    const place = random();
    let [low, high] = [0, circle.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((circle[middle]?.place ?? 1) < place) low = middle + 1;
      else high = middle;
    }
    return (circle[low] ?? circle[0])?.name ?? "";
  };
  return Array.from({ length: count }, () => {
    const size = 1 + Math.floor(random() * 12);
    return [...new Set(Array.from({ length: size }, draw))].sort();
  });
}

function placeOf(name: string): number {
  return createHash("sha256").update(name).digest().readUInt32BE() / 2 ** 32;
}

/** Mulberry32: numbers from 0 up to 1, good enough to draw with and the same on every machine. */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * The minor version of glibc 2 that a distribution's release has: a program made with an older one runs with a newer
 * one, and not the other way round.
 */
export const glibcOf: Readonly<Record<string, number>> = {
  stretch: 24,
  bionic: 27,
  buster: 28,
  bullseye: 31,
  focal: 31,
  jammy: 35,
  bookworm: 36,
  noble: 39,
  trixie: 41,
};

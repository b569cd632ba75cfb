import type { Language } from "./language.ts";

const home = "/opt/java/openjdk";

/** https://github.com/adoptium/containers; JDKs, with which everything else of Java's is run and compiled. */
export const java: Language = {
  name: "java",
  ranges: "java",
  words: {
    // Every fourth release since 17, two years each; the ones before had no rule.
    lts: ["8", "11", "17", "21", "25", "29", "33"].map((line) => ({ line })),
    stable: "newest",
  },
  refused: { ea: "early-access builds are in none of the sources" },
  check: ["java", "-version"],
  packages: { debian: ["ca-certificates", "tzdata"] },
  // Windows and sound: their libraries are those of a desktop.
  optional: [
    "**/libawt_xawt.so",
    "**/libfontmanager.so",
    "**/libjawt.so",
    "**/libjsound*.so",
    "**/libsplashscreen.so",
  ],
  distribution: {
    debian: {
      package: { word: "jdk-headless", name: /^openjdk-(\d+)-jdk-headless$/ },
      version: /^(?:\d+(?:\.\d+)*\+\d+|8u\d+-b\d+)/,
      packages: ["openjdk-{1}-jdk-headless"],
      path: ["/usr/lib/jvm/java-{1}-openjdk-{architecture}/bin"],
      variables: { JAVA_HOME: "/usr/lib/jvm/java-{1}-openjdk-{architecture}" },
    },
  },
  image: {
    repository: "eclipse-temurin",
    tags: ["{version}-jdk-{codename}", "{version}-jdk-alpine-{alpine}", "{version}-jdk-alpine"],
    version: /\d+(?:\.\d+)*_\d+(?:\.\d+)?|8u\d+-b\d+/,
    plus: "_",
    runsOn: "newer",
    maps: [{ from: home.slice(1), to: home }],
    path: [`${home}/bin`],
    variables: { JAVA_HOME: home },
  },
};

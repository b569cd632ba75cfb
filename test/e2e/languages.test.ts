import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Lock, LockedToolchain } from "../../src/lock/index.ts";
import { testers } from "../sandbox/host.ts";
import { type DockerRegistry, startDockerRegistry } from "../sources/registry/docker-registry.ts";
import { Ground, type Outcome, type Project, platform, type Wish } from "../support/ground.ts";
import { pushBases, pushLanguageImages } from "../support/language-images.ts";

/** Of a toolchain that was made for a newer release than its tag says. */
const elsewhere = "1.80.1";

/** What programs inside need to trust whoever this host trusts; the project holds the file. */
const trust = {
  CARGO_HTTP_CAINFO: "/workspaces/trusting/ca.crt",
  NODE_EXTRA_CA_CERTS: "/workspaces/trusting/ca.crt",
  PIP_CERT: "/workspaces/trusting/ca.crt",
  SSL_CERT_FILE: "/workspaces/trusting/ca.crt",
};

let registry: DockerRegistry;
let versions: Awaited<ReturnType<typeof pushLanguageImages>>;

beforeAll(async () => {
  registry = await startDockerRegistry();
  const [maker] = testers().map((tester) => new Ground(tester));
  if (maker === undefined) throw new Error("nobody tests");
  versions = await pushLanguageImages(maker, registry, elsewhere);
  await pushBases(maker, registry);
  await maker.close();
});
afterAll(() => registry.stop());

describe.each(testers())("languages, for $label", (tester) => {
  let ground: Ground;
  let settings: string;

  beforeAll(() => {
    ground = new Ground(tester);
    settings = ground.directoryFor("config");
    mkdirSync(join(settings, "devenv"));
    const registries = { "docker.io": { mirrors: [registry.url] } };
    writeFileSync(join(settings, "devenv/settings.jsonc"), JSON.stringify({ registries }));
  });
  afterAll(() => ground.close());

  const run = (project: Project, words: readonly string[]): Promise<Outcome> =>
    project.run(words, { env: { XDG_CONFIG_HOME: settings } });

  /** A project that asks for languages, locked, built and running. */
  const running = async (wish: Partial<Wish>): Promise<{ project: Project; said: string }> => {
    const project = ground.project({ name: "trusting", env: trust, ...wish });
    project.write("ca.crt", readFileSync("/etc/ssl/certs/ca-certificates.crt", "utf8"));
    const { code, err } = await run(project, ["up"]);
    expect(code, err).toBe(0);
    return { project, said: err };
  };

  const toolchain = (project: Project, language: string): LockedToolchain => {
    const lock = JSON.parse(project.read("devenv.lock")) as Lock;
    const found = lock.platforms[platform as never] as Lock["platforms"]["linux/amd64"] | undefined;
    const one = found?.toolchains?.find((each) => each.language === language);
    if (one === undefined) throw new Error(`${language} is not locked`);
    return one;
  };

  const succeeds = async (project: Project, script: string): Promise<string> => {
    const { code, out, err } = await project.inside(`set -e\n${script}`);
    expect(code, `${out}${err}`).toBe(0);
    return out;
  };

  describe("python from its official image", () => {
    let project: Project;
    let said: string;

    beforeAll(async () => {
      ({ project, said } = await running({
        languages: { python: { version: versions.python.replace(/\.\d+$/, ""), source: "image" } },
      }));
    });

    test("is locked by digest, with the packages whose libraries it needs", () => {
      const python = toolchain(project, "python");
      expect(python).toMatchObject({ version: versions.python, source: "image" });
      expect(python.parts).toMatchObject([
        { kind: "image", reference: `docker.io/library/python:${versions.python}-slim-bookworm` },
      ]);
      expect(python.libraries).toContain("libsqlite3-0");
      expect(said).toContain(`devenv.lock: python ${versions.python} needs `);
    });

    test("a virtual environment takes pinned requirements", async () => {
      project.write("requirements.txt", "six==1.16.0\n");
      const script =
        "python -m venv .venv\n.venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt\n" +
        ".venv/bin/python -c 'import six, ssl, sqlite3, sys; print(six.__version__, sys.base_prefix)'";
      expect(await succeeds(project, script)).toBe("1.16.0 /usr/local\n");
    });

    test("nothing but the toolchain came out of the image", async () => {
      const script = "ls /usr/bin/unrelated /usr/local/removed 2>&1 | grep -c 'No such file'";
      expect(await succeeds(project, script)).toBe("2\n");
    });

    test("the lock alone gives the same image in another store", async () => {
      const other = ground.withOtherStore(["indexes", "blobs"]);
      const copy = other.project({ name: "trusting" });
      for (const file of ["devenv.jsonc", "devenv.lock"]) copy.write(file, project.read(file));
      const { code, err } = await run(copy, ["build", "--frozen"]);
      expect(code, err).toBe(0);
      await other.close();
    });

    test("devenv why tells which toolchain needs a package", async () => {
      const { out } = await run(project, ["why", "libsqlite3-0"]);
      expect(out).toContain(`(python ${versions.python})`);
    });
  });

  describe("node and go beside each other", () => {
    let project: Project;

    beforeAll(async () => {
      ({ project } = await running({
        languages: {
          node: { version: "^18.17", source: "image" },
          go: { version: "~1.22", source: "image" },
        },
        packages: ["g++", "make", "python3"],
      }));
    });

    test("both come from their images", () => {
      expect(toolchain(project, "node").version).toBe(versions.node);
      expect(toolchain(project, "go").version).toBe(versions.go);
    });

    test("npm ci compiles a native addon against the headers of this node", async () => {
      project.write(
        "package.json",
        JSON.stringify({
          name: "addon",
          version: "1.0.0",
          scripts: { install: "node-gyp rebuild" },
          dependencies: { "node-addon-api": "8.3.1" },
        }),
      );
      project.write(
        "binding.gyp",
        JSON.stringify({
          targets: [
            {
              target_name: "addon",
              sources: ["addon.cc"],
              include_dirs: ["<!@(node -p \"require('node-addon-api').include\")"],
              defines: ["NAPI_DISABLE_CPP_EXCEPTIONS"],
            },
          ],
        }),
      );
      project.write(
        "addon.cc",
        "#include <napi.h>\nstatic Napi::Value Answer(const Napi::CallbackInfo &info) { return Napi::Number::New(info.Env(), 42); }\n" +
          'static Napi::Object Init(Napi::Env env, Napi::Object exports) { exports.Set("answer", Napi::Function::New(env, Answer)); return exports; }\n' +
          "NODE_API_MODULE(addon, Init)\n",
      );
      const script =
        "npm install --silent --package-lock-only --ignore-scripts\nnpm ci --silent --foreground-scripts >npm.log 2>&1 || { cat npm.log; exit 1; }\n" +
        "node -p 'require(\"./build/Release/addon.node\").answer()'";
      expect(await succeeds(project, script)).toBe("42\n");
    });

    test("go build takes a module from the proxy", async () => {
      project.write(
        "go.mod",
        "module example.org/hello\n\ngo 1.22\n\nrequire github.com/google/uuid v1.6.0\n",
      );
      project.write(
        "hello/main.go",
        'package main\n\nimport (\n\t"fmt"\n\t"runtime"\n\n\t"github.com/google/uuid"\n)\n\nfunc main() { fmt.Println(uuid.Nil, runtime.Version()) }\n',
      );
      const script = "cd hello\ngo mod tidy 2>/dev/null\ngo build -o hello .\n./hello";
      expect(await succeeds(project, script)).toBe(`00000000-0000-0000-0000-000000000000 go${versions.go}\n`);
    });

    test("what npm installs for everyone goes to the home directory, whose programs are found", async () => {
      const script = "npm install --silent --global semver@7.7.0\nsemver 1.2.3 -i minor";
      expect(await succeeds(project, script)).toBe("1.3.0\n");
    });
  });

  test("cargo build: rust without rustup, with the linker it needs", async () => {
    const { project } = await running({
      languages: { rust: { version: "stable", source: "image" } },
    });
    const rust = toolchain(project, "rust");
    expect(rust).toMatchObject({ version: versions.rust, source: "image" });
    expect(rust.libraries).toContain("libssh2-1");
    project.write(
      "Cargo.toml",
      '[package]\nname = "hello"\nversion = "0.1.0"\nedition = "2021"\n\n[dependencies]\nitoa = "=1.0.15"\n',
    );
    project.write("src/main.rs", 'fn main() { println!("{}", itoa::Buffer::new().format(42)); }\n');
    expect(await succeeds(project, "cargo build --quiet\n./target/debug/hello")).toBe("42\n");
  });

  test("on an image as base: what the toolchain needs is installed by the image's own dpkg", async () => {
    const { project } = await running({
      base: `${registry.name}/acme/debian:12`,
      languages: { python: { version: "3", source: "image" } },
    });
    const python = toolchain(project, "python");
    expect(python.libraries).toContain("libsqlite3-0");
    const script =
      "python -c 'import sqlite3, ssl, sys; print(sys.prefix)'; dpkg-query --list libsqlite3-0 | grep -c ^ii";
    expect(await succeeds(project, script)).toBe("/usr/local\n1\n");
  });

  describe("on an image without packages", () => {
    const alpine = (more: Partial<Wish>): Wish => ({
      name: "alpine",
      base: `${registry.name}/acme/alpine:3.20`,
      ...more,
    });

    test("a toolchain that needs no library runs", async () => {
      const { project } = await running(
        alpine({ languages: { go: { version: "1.22", source: "goproxy" } } }),
      );
      expect(toolchain(project, "go")).toMatchObject({ version: versions.go, packages: [], libraries: [] });
      project.write("main.go", 'package main\n\nfunc main() { println("static") }\n');
      const { code, err } = await project.inside("CGO_ENABLED=0 go run main.go");
      expect({ code, err }).toEqual({ code: 0, err: "static\n" });
    });

    test.each<[string, Partial<Wish>, RegExp]>([
      [
        "packages by name",
        { packages: ["git"] },
        /is Alpine 3\.20\.3: packages cannot be installed there yet: git/,
      ],
      [
        "what is made for another C library",
        { languages: { node: { version: "18", source: "npm" } } },
        /node "18": the source "npm" does not have it for alpine 3\.20\.3/,
      ],
    ])("refused are %s", async (_, more, message) => {
      const { code, err } = await run(ground.project(alpine(more)), ["up"]);
      expect(code).not.toBe(0);
      expect(err).toMatch(message);
    });
  });

  test("a toolchain for a newer C library is refused, with the reason and what else there is", async () => {
    const project = ground.project({
      name: "newer",
      base: "bootstrap:debian/bullseye",
      languages: { rust: { version: elsewhere, source: "image" } },
    });
    const { code, err } = await run(project, ["up"]);
    expect(code).toBe(1);
    expect(err).toMatch(
      /error: \S+devenv\.jsonc:\d+:\d+: rust 1\.80\.1 is built for newer libraries than the base debian\/bullseye has/,
    );
    expect(err).toMatch(/needs GLIBC_2\.\d+ of libc\.so\.6; \S+ has up to GLIBC_2\.3\d/);
    expect(err).toContain("Other sources of rust are: distribution.");
    expect(err).not.toContain("--frozen");
  });

  test("mvn package: java from its official image", async () => {
    const { project } = await running({
      languages: { java: { version: "17", source: "image" } },
      packages: ["maven"],
    });
    expect(toolchain(project, "java")).toMatchObject({ version: versions.java, source: "image" });
    project.write("pom.xml", pom);
    project.write(
      "src/main/java/Hello.java",
      'public class Hello { public static void main(String[] a) { System.out.println("hello " + System.getProperty("java.home")); } }\n',
    );
    const script = `${trustStore}
export MAVEN_OPTS="-Djavax.net.ssl.trustStore=$PWD/trust.p12 -Djavax.net.ssl.trustStorePassword=changeit"
mvn -q -B package >mvn.log 2>&1 || { tail -n 30 mvn.log; exit 1; }
java -cp target/hello-1.jar Hello`;
    expect(await succeeds(project, script)).toBe("hello /opt/java/openjdk\n");
  });

  test("packages of the distribution come first where their version fits", async () => {
    const project = ground.project({ name: "packaged", languages: { python: "3.11" } });
    const { code, err } = await run(project, ["up"]);
    expect(code, err).toBe(0);
    expect(toolchain(project, "python")).toMatchObject({ source: "distribution", parts: [] });
    expect(await succeeds(project, "python --version; command -v python3")).toMatch(
      /^Python 3\.11\.\d+\n\/usr\/bin\/python3\n$/,
    );
  });
});

/** Those whom this host trusts and Debian does not, where there are any, beside those that Java trusts. */
const trustStore = `cp /opt/java/openjdk/lib/security/cacerts trust.p12
chmod u+w trust.p12
awk -v own=/etc/ssl/certs/ca-certificates.crt '
  function take(file, list,   line, text) {
    while ((getline line < file) > 0) {
      if (line ~ /BEGIN CERT/) text = ""
      text = text line "\\n"
      if (line ~ /END CERT/) list[text] = 1
    }
  }
  BEGIN {
    take(own, known); take("ca.crt", host)
    for (one in host) if (!(one in known)) { file = "ca-" ++n ".pem"; printf "%s", one > file; close(file) }
  }'
for file in ca-*.pem; do
  [ -e "$file" ] || continue
  keytool -importcert -noprompt -keystore trust.p12 -storepass changeit -alias "$file" -file "$file" >/dev/null 2>&1
done`;

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>org.example</groupId>
  <artifactId>hello</artifactId>
  <version>1</version>
  <properties>
    <maven.compiler.source>17</maven.compiler.source>
    <maven.compiler.target>17</maven.compiler.target>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
</project>
`;

import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Lock, type LockedPlatform, lockDigest, type Platform } from "../../src/lock/index.ts";
import { testers } from "../sandbox/host.ts";
import { type DockerRegistry, skopeoCopy, startDockerRegistry } from "../sources/registry/docker-registry.ts";
import { sha256Of } from "../support/archives.ts";
import { Ground, type Project, platform } from "../support/ground.ts";
import { inspect, unpacked } from "../support/image-tools.ts";
import { platforms, pushTools } from "../support/tools-image.ts";

interface Exported {
  readonly digest: string;
  readonly id: string;
  readonly output: string;
}

function lockOf(project: Project): Lock {
  return JSON.parse(project.read("devenv.lock")) as Lock;
}

function lockedOf(project: Project): LockedPlatform {
  const locked = lockOf(project).platforms[platform as Platform];
  if (locked === undefined) throw new Error("nothing is locked");
  return locked;
}

async function exported(project: Project, ...words: readonly string[]): Promise<Exported> {
  const { code, out, err } = await project.run(["export", "--json", ...words]);
  expect(code, err).toBe(0);
  return JSON.parse(out) as Exported;
}

describe.each(testers())("export, for $label", (tester) => {
  let ground: Ground;
  let registry: DockerRegistry;
  let plain: Project;
  const configuration = { name: "plain", env: { GREETING: "hello there" } };

  beforeAll(async () => {
    registry = await startDockerRegistry();
    await pushTools(registry, "acme/tools:none", "none");
    for (const compression of ["gzip", "zstd"]) {
      const words = ["--dest-compress", "--dest-compress-format", compression, "--format", "oci"];
      await pushTools(registry, `acme/tools:${compression}`, compression, {}, words);
    }
    ground = new Ground(tester);
    plain = ground.project(configuration);
  });
  afterAll(async () => {
    await ground.close();
    await registry.stop();
  });

  test("a layout of a bootstrapped project is read by skopeo and umoci", async () => {
    const { digest, id, output } = await exported(plain, "--format", "oci");
    expect(output).toBe(join(plain.root, "plain.oci"));
    expect(sha256Of(readFileSync(join(output, "blobs", digest.replace(":", "/"))))).toBe(digest.slice(7));
    const { config, created, rootfs } = inspect(`oci:${output}:latest`);
    expect(`sha256:${sha256Of(readFileSync(join(output, "blobs", id.replace(":", "/"))))}`).toBe(id);
    const { epoch, image } = lockedOf(plain);
    expect(Date.parse(created)).toBe(epoch * 1000);
    expect(rootfs.diff_ids.slice(0, -1)).toEqual(image?.layers.map(({ diffID }) => diffID));
    expect(config).toMatchObject({ User: "1000:1000", WorkingDir: "/workspaces/plain" });
    expect(config.Env).toEqual(
      expect.arrayContaining(["GREETING=hello there", "HOME=/home/dev", "USER=dev", "LANG=C.UTF-8"]),
    );
    expect(config.Labels).toMatchObject({
      "devenv.lock.digest": lockDigest(lockOf(plain)),
      "org.opencontainers.image.title": "plain",
    });
    unpacked(output, (root) => {
      expect(readFileSync(join(root, "etc/debian_version"), "utf8")).toMatch(/^12\./);
      const passwd = readFileSync(join(root, "etc/passwd"), "utf8");
      expect(passwd.split("\n").slice(0, 2)).toEqual([
        "dev:x:1000:1000::/home/dev:/bin/bash",
        "root:x:0:0:root:/root:/bin/bash",
      ]);
      expect(readFileSync(join(root, "etc/group"), "utf8")).toMatch(/^dev:x:1000:\nroot:x:0:\n/);
      if (process.getuid?.() !== 0) return;
      for (const place of ["home/dev", "workspaces/plain"])
        expect(statSync(join(root, place))).toMatchObject({ uid: 1000, gid: 1000 });
      expect(statSync(join(root, "workspaces"))).toMatchObject({ uid: 0, gid: 0 });
    });
  });

  test("an archive for Docker names its parts, and skopeo takes it", async () => {
    const { id, output } = await exported(plain, "--format", "docker-archive", "--name", "acme/plain:1");
    await skopeoCopy(`docker-archive:${output}`, `dir:${join(ground.directoryFor("copy"), "image")}`);
    const { config } = inspect(`docker-archive:${output}:acme/plain:1`);
    expect(config.WorkingDir).toBe("/workspaces/plain");
    const archive = readFileSync(output);
    const [entry] = JSON.parse(fileIn(archive, "manifest.json").toString()) as {
      Config: string;
      RepoTags: string[];
      Layers: string[];
    }[];
    expect(entry?.RepoTags).toEqual(["acme/plain:1"]);
    expect(entry?.Config).toBe(`blobs/${id.replace(":", "/")}`);
    for (const layer of entry?.Layers ?? []) expect(layer).toMatch(sha256Of(fileIn(archive, layer)));
  });

  test("the same lock and configuration give the same bytes, in a file and as a stream", async () => {
    const other = ground.project(configuration);
    other.write("devenv.lock", plain.read("devenv.lock"));
    const { output } = await exported(plain, "--format", "oci", "--output", "image.tar");
    const { bytes, err } = await other.run(["export", "--format", "oci", "--output", "-", "--frozen"]);
    expect(bytes.length, err).toBeGreaterThan(1_000_000);
    expect(sha256Of(bytes)).toBe(sha256Of(readFileSync(output)));
    await skopeoCopy(`oci-archive:${output}`, `dir:${join(ground.directoryFor("copy"), "image")}`);
    other.configure({ ...configuration, env: { GREETING: "another" } });
    const changed = await exported(other, "--format", "oci", "--frozen");
    const [before, after] = [inspect(`oci-archive:${output}`), inspect(`oci:${changed.output}:latest`)];
    expect(after.config.Env).toContain("GREETING=another");
    expect(after.rootfs).toEqual(before.rootfs);
  });

  test("a toolchain, whose files are as old as they say, is the same layer again and again", async () => {
    const node = { version: "18.20", source: "npm" };
    const one = ground.project({ name: "toolchain", languages: { node } });
    const { output } = await exported(one, "--format", "oci");
    const { config, rootfs } = inspect(`oci:${output}:latest`);
    const { image } = lockedOf(one);
    expect(image?.layers.map(({ step }) => step)).toContain("node");
    expect(rootfs.diff_ids.slice(0, -1)).toEqual(image?.layers.map(({ diffID }) => diffID));
    expect(config.Env).toContain("npm_config_prefix=/home/dev/.local");
    expect(await exported(one, "--format", "oci")).toMatchObject({ output });
  });

  test("nothing is replaced but what an export made", async () => {
    const refused = async (...words: readonly string[]) => {
      const { code, err } = await plain.run(["export", "--format", "oci", ...words]);
      expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining("error: ") });
      return err;
    };
    plain.write("taken.tar", "mine");
    expect(await refused("--output", "taken.tar")).toContain("--force replaces it");
    expect(plain.read("taken.tar")).toBe("mine");
    await exported(plain, "--format", "oci", "--output", "taken.tar", "--force");
    await exported(plain, "--format", "oci", "--output", "taken.tar");
    plain.write("full/file", "mine");
    expect(await refused("--output", "full", "--force")).toContain("has other files in it than an image");
    expect(plain.read("full/file")).toBe("mine");
    expect(await refused("--output", "devenv.lock")).toContain("no directory");
    plain.write("layout/oci-layout", "{}");
    await refused("--output", "layout");
    await exported(plain, "--format", "oci", "--output", "layout", "--force");
    await exported(plain, "--format", "oci", "--output", "layout");
    ground.own(join(plain.root, "empty"));
    await exported(plain, "--format", "oci", "--output", "empty");
    expect(readdirSync(plain.root).filter((name) => name.startsWith("."))).toEqual([]);
  });

  test("what cannot be written is said", async () => {
    const { code, err } = await plain.run(["export", "--format", "oci", "--output", "none/image"]);
    expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining("none/image: cannot be written") });
    expect(existsSync(join(plain.root, "none"))).toBe(false);
    const running = plain.start(["export", "--format", "oci", "--output", "-"]);
    running.child.stdout?.once("data", () => running.child.stdout?.destroy());
    expect(await running.outcome).toMatchObject({
      code: 1,
      err: expect.stringContaining("error: the archive cannot be written to standard output"),
    });
  });

  test.each([
    [["--format", "zip"], "expected oci or docker-archive"],
    [["--format", "oci", "--json", "--output", "-"], "standard output"],
    [["--format", "oci", "--name", `a@sha256:${"0".repeat(64)}`], "digest from its content"],
    [["--format", "oci", "--name", "A B"], "no image reference"],
  ])("%j is a wrong use", async (words, said) => {
    const { code, err } = await plain.run(["export", ...words]);
    expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining(said) });
  });

  test("a platform that this host is not and cannot build is refused", async () => {
    const { code, err } = await plain.run(["export", "--format", "oci", "--platform", "linux/riscv64"]);
    expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining("not linux/riscv64") });
  });

  describe.each(["none", "gzip", "zstd"])("of an image base with layers compressed as %s", (compression) => {
    let imaged: Project;
    beforeAll(() => {
      const base = `${registry.name}/acme/tools:${compression}`;
      imaged = ground.project({ name: "imaged", base, platforms });
    });

    test.each(platforms)("has its layers bit for bit on %s", async (one) => {
      const { output } = await exported(imaged, "--format", "oci", "--platform", one);
      const { base, image } = lockOf(imaged).platforms[one] ?? {};
      if (base?.kind !== "image") throw new Error("no image");
      const { config, rootfs } = inspect(`oci:${output}:latest`);
      expect(rootfs.diff_ids.slice(0, 2)).toEqual(base.layers.map(({ diffID }) => diffID));
      expect(rootfs.diff_ids.slice(0, -1)).toEqual(image?.layers.map(({ diffID }) => diffID));
      expect(image?.layers.map(({ step }) => step)).toEqual(["base", "base", "directories"]);
      for (const diffID of rootfs.diff_ids) {
        const blob = readFileSync(join(output, "blobs", diffID.replace(":", "/")));
        expect(createHash("sha256").update(blob).digest("hex")).toBe(diffID.slice(7));
      }
      expect(config.Env).toEqual(
        expect.arrayContaining(["TOOL=1", "PATH=/bin:/opt/tool/bin", "HOME=/home/dev"]),
      );
      expect(config.Labels).toMatchObject({ "org.opencontainers.image.base.digest": base.index });
      unpacked(output, (root) => {
        expect(readFileSync(join(root, "etc/release"), "utf8")).toBe(`${compression}\n`);
        expect(existsSync(join(root, "etc/gone"))).toBe(false);
        expect(readFileSync(join(root, "etc/passwd"), "utf8")).toMatch(
          /^dev:x:1000.*\/bin\/sh\nroot:.*\nnode:x:1000/,
        );
      });
    });
  });

  test("a layer that its registry has changed is not exported", async () => {
    const imaged = ground.project({ name: "changed", base: `${registry.name}/acme/tools:none` });
    await exported(imaged, "--format", "oci");
    const { base } = lockedOf(imaged);
    if (base.kind !== "image") throw new Error("no image");
    const blob = registry.blobPath(base.layers[1]?.digest ?? "");
    const before = readFileSync(blob);
    writeFileSync(blob, Buffer.from(before).fill(0x41, 600, 604));
    try {
      for (const output of ["other", "other.tar"]) {
        const { code, err } = await imaged.run(["export", "--format", "oci", "--output", output]);
        expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining("has another digest") });
      }
      expect(readdirSync(imaged.root).sort()).toEqual(["changed.oci", "devenv.jsonc", "devenv.lock"]);
    } finally {
      writeFileSync(blob, before);
    }
  });
});

/** The content of a file in a tar archive whose headers are all plain ones. */
function fileIn(archive: Buffer, name: string): Buffer {
  for (let at = 0; at < archive.length; ) {
    const header = archive.subarray(at, at + 512);
    const size = Number.parseInt(header.toString("latin1", 124, 135), 8);
    if (header.toString("latin1", 0, 100).replace(/\0.*$/s, "") === name)
      return archive.subarray(at + 512, at + 512 + size);
    at += 512 + Math.ceil((size || 0) / 512) * 512;
  }
  throw new Error(`the archive has no ${name}`);
}

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Lock, LockedImageBase, Platform } from "../../src/lock/index.ts";
import { testers } from "../sandbox/host.ts";
import {
  type Blob,
  blobOf,
  entryOf,
  indexOf,
  manifestOf,
  sha256,
  sha512,
  types,
} from "../sources/registry/content.ts";
import {
  answer,
  type FakeRegistry,
  fakeRegistries,
  type Handler,
} from "../sources/registry/fake-registry.ts";
import { tarOf } from "../support/archives.ts";
import { Ground, type Project, platform } from "../support/ground.ts";

/** So much that a part of it is unpacked before the digest can be known. */
const archiveOf = (name: string): Buffer =>
  tarOf([
    { name: "etc/", type: "5", mode: 0o755 },
    { name: `etc/${name}`, content: name.repeat(100_000) },
  ]);

const by512 = ({ bytes, descriptor }: Blob): Blob => ({
  bytes,
  descriptor: { ...descriptor, digest: sha512(bytes) },
});

/** An image of one layer, everything of it known by what `known` says. */
function imageOf(archive: Buffer, known: (blob: Blob) => Blob, diffID: string = sha256(archive)) {
  const [os, architecture] = platform.split("/");
  const rootfs = { type: "layers", diff_ids: [diffID] };
  const config = known(blobOf({ os, architecture, config: { Env: ["TOOL=1"] }, rootfs }, types.config));
  const layer = known(blobOf(gzipSync(archive), `${types.layer}+gzip`));
  const manifest = known(manifestOf(config, [layer]));
  const index = known(indexOf([entryOf(manifest, platform)]));
  return { layer, index, all: [index, manifest, config, layer] };
}

/** Answers with the blob that is asked for, or what `instead` has for it. */
function serving(blobs: readonly Blob[], instead: (blob: Blob) => Uint8Array | undefined): Handler {
  return (request, response) => {
    const name = new URL(request.url ?? "", "http://x").pathname.split("/").at(-1);
    const found = blobs.find(({ descriptor }) => descriptor.digest === name);
    if (found === undefined) answer(response, 404);
    else answer(response, 200, { "content-type": found.descriptor.mediaType }, instead(found) ?? found.bytes);
  };
}

const right = (): undefined => undefined;

/** The same number of bytes, of which one is another: at the end, where the digest alone tells. */
const changed = (bytes: Uint8Array, place: number): Uint8Array => {
  const copy = Buffer.from(bytes);
  copy[place] = (copy[place] ?? 0) ^ 1;
  return copy;
};

describe.each(testers())("the blobs of an image, for $label", (tester) => {
  let ground: Ground;
  const start = fakeRegistries();

  beforeAll(() => {
    ground = new Ground(tester).withOtherStore([]);
  });
  afterAll(() => ground.close());

  const referenceOf = (registry: FakeRegistry, { index }: { readonly index: Blob }): string =>
    `${registry.name}/acme/tool@${index.descriptor.digest}`;

  const isThere = (archive: Buffer): boolean =>
    existsSync(join(ground.store, "layers", sha256(archive).replace("sha256:", "")));

  const halfMade = (): string[] =>
    readdirSync(join(ground.store, "layers")).filter((name) => !/^[0-9a-f]{64}$/.test(name));

  describe("known by SHA-512", () => {
    const archive = archiveOf(`sha512-${tester.uid}`);
    const image = imageOf(archive, by512);

    test("are locked so, pulled, and used again without the registry", async () => {
      const registry = await start(serving(image.all, right));
      const project = ground.project({ name: "long", base: referenceOf(registry, image) });
      const built = await project.run(["build"]);
      expect(built, built.err).toMatchObject({ code: 0 });
      expect(isThere(archive)).toBe(true);
      const { base } =
        (JSON.parse(project.read("devenv.lock")) as Lock).platforms[platform as Platform] ?? {};
      const { config, digest, index, layers } = base as LockedImageBase;
      expect([index, digest, config.digest, layers[0]?.digest]).toEqual(
        image.all.map(({ descriptor }) => descriptor.digest),
      );
      expect(layers[0]?.diffID).toBe(sha256(archive));
      await registry.stop();
      expect(await project.run(["build", "--frozen"])).toMatchObject({ code: 0, out: built.out });
    });

    test("are refused when they are not what the digest says", async () => {
      const other = imageOf(archiveOf(`other-${tester.uid}`), by512);
      const wrong = (blob: Blob) =>
        blob === other.layer ? changed(blob.bytes, blob.bytes.length - 1) : undefined;
      const registry = await start(serving(other.all, wrong));
      const project = ground.project({ name: "long", base: referenceOf(registry, other) });
      const { code, err } = await project.run(["build"]);
      expect(code).toBe(1);
      expect(err).toContain(
        `the compressed archive has the digest ${sha512(wrong(other.layer) ?? image.index.bytes)}`,
      );
      expect(err).toContain(`, not ${other.layer.descriptor.digest}`);
    });

    test("cannot have diffIDs of that kind", async () => {
      const other = imageOf(archive, by512, sha512(archive));
      const registry = await start(serving(other.all, right));
      const project = ground.project({ name: "long", base: referenceOf(registry, other) });
      const { code, err } = await project.run(["lock"]);
      expect(code).toBe(1);
      expect(err).toContain(`the diffID ${sha512(archive)}; found sha512, expected sha256`);
    });
  });

  describe("wrong on a mirror", () => {
    /** A project whose registry has the mirrors, asked in this order. */
    async function mirrored(
      image: ReturnType<typeof imageOf>,
      origin: Handler,
      mirrors: readonly Handler[],
    ): Promise<{ run: () => ReturnType<Project["run"]>; asked: () => number[] }> {
      const registry = await start(origin);
      const servers: FakeRegistry[] = [];
      for (const handler of mirrors) servers.push(await start(handler));
      const project = ground.project({ name: "mirrored", base: referenceOf(registry, image) });
      const registries = { [registry.name]: { mirrors: servers.map(({ url }) => url) } };
      project.write("settings/devenv/settings.jsonc", JSON.stringify({ registries }));
      const env = { XDG_CONFIG_HOME: join(project.root, "settings") };
      const layer = `/blobs/${image.layer.descriptor.digest}`;
      return {
        run: () => project.run(["build"], { env }),
        asked: () =>
          [...servers, registry].map(({ seen }) => seen.filter(({ path }) => path.includes(layer)).length),
      };
    }

    const layerWith =
      (image: ReturnType<typeof imageOf>, change: (bytes: Uint8Array) => Uint8Array) =>
      (blob: Blob): Uint8Array | undefined =>
        blob === image.layer ? change(blob.bytes) : undefined;

    test.each<[string, (bytes: Uint8Array) => Uint8Array]>([
      ["digest", (bytes) => changed(bytes, 9)],
      ["content", (bytes) => Buffer.alloc(bytes.length, "x")],
      ["sum", (bytes) => changed(bytes, bytes.length - 1)],
    ])("in its %s, a layer comes from the next server, and a person is told", async (kind, change) => {
      const archive = archiveOf(`${kind}-${tester.uid}`);
      const image = imageOf(archive, (blob) => blob);
      const wrong = serving(image.all, layerWith(image, change));
      const { asked, run } = await mirrored(image, serving(image.all, right), [wrong, wrong]);
      const { code, err } = await run();
      expect(code, err).toBe(0);
      expect(isThere(archive)).toBe(true);
      expect(err.match(/sent is not it; the next server is asked/g)).toHaveLength(2);
      expect(asked()).toEqual([1, 1, 1]);
    });

    test("a mirror that has none is not asked again, and the registry only once", async () => {
      const image = imageOf(archiveOf(`nowhere-${tester.uid}`), (blob) => blob);
      const wrong = serving(
        image.all,
        layerWith(image, (bytes) => changed(bytes, 9)),
      );
      const none = serving(
        image.all.filter((blob) => blob !== image.layer),
        right,
      );
      const { asked, run } = await mirrored(image, wrong, [none, wrong]);
      const { code, err } = await run();
      expect(code).toBe(1);
      expect(err).toContain(`the compressed archive has the digest`);
      expect(asked()).toEqual([1, 1, 1]);
      expect(halfMade()).toEqual([]);
    });
  });
});

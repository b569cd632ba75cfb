import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import { extract } from "tar-stream";
import { expect, test } from "vitest";
import { type Account, accountLayer } from "../../src/build/account-layer.ts";

const account: Account = {
  name: "dev",
  id: 1000,
  shell: "/bin/sh",
  directories: ["/home/dev", "/workspaces/shop"],
};

/** Owner, time and content of each entry, by name. */
async function entriesOf(layer: Awaited<ReturnType<typeof accountLayer>>) {
  const bytes = await buffer(layer.open());
  expect(layer.size).toBe(bytes.length);
  expect(layer.diffID).toBe(`sha256:${createHash("sha256").update(bytes).digest("hex")}`);
  const archive = extract();
  Readable.from([bytes], { objectMode: false }).pipe(archive);
  const entries: Record<string, string> = {};
  for await (const entry of archive) {
    const { mtime, name, uid } = entry.header;
    entries[name] = `${uid} ${mtime.getTime() / 1000} ${await text(entry)}`;
  }
  return entries;
}

test("the user comes first in passwd and group, and owns a home and the project's place", async () => {
  const files = { passwd: "root:x:0:0::/root:/bin/sh\nnode:x:1000:1000::/:\n", group: "root:x:0:\n" };
  expect(await entriesOf(await accountLayer(account, files, 77))).toEqual({
    "etc/group": "0 77 dev:x:1000:\nroot:x:0:\n",
    "etc/passwd": `0 77 dev:x:1000:1000::/home/dev:/bin/sh\n${files.passwd}`,
    "home/": "0 77 ",
    "home/dev/": "1000 77 ",
    "workspaces/": "0 77 ",
    "workspaces/shop/": "1000 77 ",
  });
});

test("an image that knows the name keeps its files, and so does one whose files are none", async () => {
  const files = { passwd: "dev:x:7:7::/:\n", group: "dev:x:7:\n" };
  for (const known of [files, undefined])
    expect(Object.keys(await entriesOf(await accountLayer(account, known, 77)))).toEqual([
      "home/",
      "home/dev/",
      "workspaces/",
      "workspaces/shop/",
    ]);
});

test("an image without users gets the first", async () => {
  const entries = await entriesOf(await accountLayer(account, { passwd: "", group: "" }, 77));
  expect(entries["etc/passwd"]).toBe("0 77 dev:x:1000:1000::/home/dev:/bin/sh\n");
});

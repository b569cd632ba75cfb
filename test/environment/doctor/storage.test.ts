import { expect, test } from "vitest";
import { fileSystemAt, judgeStore, storeFailure } from "../../../src/environment/doctor/storage.ts";
import { DevenvError } from "../../../src/errors.ts";

const mountinfo = `22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:40 / /home rw,nosuid shared:7 master:1 - nfs4 server:/home rw
31 30 0:41 / /home/dev/my\\040disk rw - xfs /dev/vdb rw
32 30 0:42 / /home/dev/my\\040disk rw - btrfs /dev/vdc rw
`;

test.each([
  ["/var/lib", "ext4"],
  ["/home", "nfs4"],
  ["/homestead", "ext4"],
  ["/home/dev/.local/share/devenv", "nfs4"],
  ["/home/dev/my disk/devenv", "btrfs"],
])("%s is on %s", (path, type) => {
  expect(fileSystemAt(mountinfo, path)).toBe(type);
});

test("too little room is told, with the way out", () => {
  expect(judgeStore("/store", "ext4", 5 * 1024 ** 3)).toMatchObject({
    state: "ok",
    detail: "/store: ext4, 5.0 GiB free",
  });
  expect(judgeStore("/store", "ext4", 1024 ** 3)).toMatchObject({
    state: "limited",
    remedy: [expect.stringContaining("DEVENV_STORE")],
  });
});

test("a store that cannot be made is missing; a bug is none of the host's", () => {
  const error = new DevenvError("DEVENV_STORE", "/x: the store cannot be created", { hint: "Set it." });
  expect(storeFailure(error)).toMatchObject({
    state: "missing",
    detail: error.message,
    remedy: ["# Set it."],
  });
  expect(() => storeFailure(new Error("bug"))).toThrow("bug");
});

import { expect, test } from "vitest";
import { examineSubordinateIds } from "../../../src/environment/doctor/identity.ts";

const some = "dev:100000:65536\n";
const host = { name: "dev", uid: 1000, gid: 1000, subuid: some, subgid: some };

test("both files count, and what is missing in either is given", () => {
  expect(examineSubordinateIds(host)).toMatchObject({
    state: "ok",
    detail: "/etc/subuid: 65536, /etc/subgid: 65536",
  });
  expect(examineSubordinateIds({ ...host, subgid: "dev:100000:7\nother:7:65536\n" })).toMatchObject({
    state: "missing",
    detail: "/etc/subuid: 65536, /etc/subgid: 7; dev needs 65536 in both",
    remedy: ["usermod --add-subgids 524288-589823 dev"],
  });
  expect(examineSubordinateIds({ ...host, uid: 0, name: "root", subuid: "", subgid: "" }).state).toBe("ok");
});

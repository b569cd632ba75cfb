import { expect, test } from "vitest";
import { examineMappers, examineNode, type Mapper } from "../../../src/environment/doctor/programs.ts";

const mappers: Mapper[] = [
  { name: "newuidmap", path: "/usr/bin/newuidmap", isPrivileged: true },
  { name: "newgidmap", path: "/usr/bin/newgidmap", isPrivileged: true },
];
const change = (change: Partial<Mapper>): Mapper[] => mappers.map((mapper) => ({ ...mapper, ...change }));

test.each([
  ["18.20.4", "missing"],
  ["20.18.3", "missing"],
  ["20.19.0", "ok"],
  ["22.0.0", "ok"],
])("Node.js %s is %s", (version, state) => {
  expect(examineNode(version).state).toBe(state);
});

test.each([
  ["there", 1000, mappers, false, "ok", undefined],
  [
    "of which nobody can see what they may",
    1000,
    change({ isPrivileged: undefined }),
    false,
    "ok",
    undefined,
  ],
  ["not installed", 1000, change({ path: undefined }), false, "missing", "apt-get install uidmap"],
  ["not installed, for root", 0, change({ path: undefined }), false, "ok", undefined],
  [
    "without rights",
    1000,
    change({ isPrivileged: false }),
    false,
    "missing",
    "chmod u+s /usr/bin/newuidmap /usr/bin/newgidmap",
  ],
  ["kept from their rights", 1000, mappers, true, "missing", expect.stringContaining("no-new-privileges")],
])("newuidmap and newgidmap %s", (_, uid, found, noNewPrivileges, state, remedy) => {
  const finding = examineMappers(uid, found, noNewPrivileges);
  expect(finding.state).toBe(state);
  expect(finding.remedy).toEqual(remedy === undefined ? [] : expect.arrayContaining([remedy]));
});

test("only what is missing is named", () => {
  const [first, second] = mappers;
  const found = examineMappers(
    1000,
    [first, { ...second, path: undefined }].filter((item) => item !== undefined) as Mapper[],
    false,
  );
  expect(found.detail).toBe("not installed: newgidmap");
});

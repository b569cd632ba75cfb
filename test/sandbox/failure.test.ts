import { expect, test } from "vitest";
import { explainFailure } from "../../src/sandbox/failure.ts";
import type { UserNamespaceHost } from "../../src/sandbox/user-namespaces.ts";

const plain: UserNamespaceHost = {
  uid: 1000,
  unprivilegedClone: undefined,
  most: "63457",
  appArmor: undefined,
  isFiltered: false,
  directory: "/opt/devenv",
};
const debian = { ...plain, unprivilegedClone: "0" };
const none = { ...plain, most: "0" };
const ubuntu = { ...plain, appArmor: "1" };
const lifted = { ...plain, appArmor: "0" };
const container = { ...plain, isFiltered: true };

const explain = (message: string, host: UserNamespaceHost) => explainFailure(message, async () => host);

test.each([
  ["a user namespace cannot be made: Operation not permitted", debian, "kernel.unprivileged_userns_clone=1"],
  ["a user namespace cannot be made: No space left on device", none, "user.max_user_namespaces=15000"],
  ["a user namespace cannot be made: No space left on device", plain, "user.max_user_namespaces=126914"],
  ["a user namespace cannot be made: Permission denied", ubuntu, "apparmor_parser -r /etc/apparmor.d/devenv"],
  ["a user namespace cannot be made: Operation not permitted", container, "seccomp=unconfined"],
  ["newuidmap cannot be started: No such file or directory", ubuntu, "apt-get install uidmap"],
  ["newgidmap: gid range [0-1000) -> [100000-101000) not allowed", plain, "/etc/nsswitch.conf"],
  ["newuidmap: write to uid_map failed: Operation not permitted", ubuntu, "/etc/apparmor.d/devenv"],
  ["newuidmap: write to uid_map failed: Operation not permitted", lifted, "chmod u+s"],
  [
    "gid_map of the user namespace cannot be written: Operation not permitted",
    { ...ubuntu, uid: 0 },
    "root:START",
  ],
  ["a process namespace cannot be made: Operation not permitted", ubuntu, "/etc/apparmor.d/devenv"],
  ["setgroups: Operation not permitted", ubuntu, "/etc/apparmor.d/devenv"],
  ["setresuid 0: Operation not permitted", ubuntu, "/etc/apparmor.d/devenv"],
  ["namespaces cannot be made: Operation not permitted", ubuntu, "/etc/apparmor.d/devenv"],
  ["mounts cannot be separated from the host's: Permission denied", ubuntu, "/etc/apparmor.d/devenv"],
  ["the layers cannot be mounted as an overlay: Permission denied", ubuntu, "/etc/apparmor.d/devenv"],
  ["a proc file system cannot be made: Operation not permitted", ubuntu, "/etc/apparmor.d/devenv"],
])("%s: what keeps the user from namespaces is known by the host %o", async (message, host, hint) => {
  expect(await explain(message, host)).toMatchObject({
    code: "DEVENV_USER_NAMESPACE",
    message,
    hint: expect.stringContaining(hint),
  });
});

test.each([
  [lifted, "setgroups: Operation not permitted"],
  [{ ...ubuntu, uid: 0 }, "setgroups: Operation not permitted"],
  [ubuntu, "namespaces cannot be made: No space left on device"],
  [ubuntu, "/home/dev/x cannot be opened: Permission denied"],
  [ubuntu, "the directory /root cannot be entered: Permission denied"],
])("AppArmor is not blamed for what it does not do: %o, %s", async (host, message) => {
  const error = await explain(message, host);
  expect(error).toMatchObject({ code: "DEVENV_SANDBOX_FAILED", message });
  expect(error.hint ?? "").not.toMatch(/apparmor/i);
});

test("the profile is attached to all programs, wherever they are", async () => {
  const directory = `/opt/it's "new" [1]/{a,b}/x\\y/@{z}*?^`;
  const { hint } = await explain("setgroups: Operation not permitted", { ...ubuntu, directory });
  expect(hint?.split("\n")).toEqual([
    "AppArmor gives ordinary users no rights in user namespaces (kernel.apparmor_restrict_unprivileged_userns = 1). Once, as root:",
    String.raw`printf '%s\n' 'abi <abi/4.0>,' 'include <tunables/global>' 'profile devenv "/opt/it'\''s \"new\" \[1\]/\{a,b\}/x\\y/@\{z\}\*\?\^/devenv{,-sandbox,-layers}" flags=(unconfined) { userns, }' > /etc/apparmor.d/devenv`,
    "apparmor_parser -r /etc/apparmor.d/devenv",
  ]);
});

test.each([
  [
    "a proc file system cannot be made: Operation not permitted",
    "DEVENV_SANDBOX_FAILED",
    /systempaths=unconfined/,
  ],
  [
    "the layers cannot be mounted as an overlay: Invalid argument",
    "DEVENV_SANDBOX_FAILED",
    /upper layer \(not NFS\)/,
  ],
  [
    "the control group /x cannot be joined: Permission denied",
    "DEVENV_CONTROL_GROUP",
    /where the environment was started/,
  ],
])("%s: has a way to mend it", async (message, code, hint) => {
  expect(await explain(message, plain)).toMatchObject({ code, message, hint: expect.stringMatching(hint) });
});

test.each([
  ["/sys/fs/cgroup/x/pids.max: 7 cannot be written: Invalid argument", "DEVENV_CONTROL_GROUP"],
  ["/no/dir cannot be opened: No such file or directory", "DEVENV_SANDBOX_FAILED"],
])("%s: says it all itself", async (message, code) => {
  const error = await explainFailure(message);
  expect(error).toMatchObject({ code, message });
  expect(error.hint).toBeUndefined();
});

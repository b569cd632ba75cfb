import { expect, test } from "vitest";
import { explainFailure } from "../../src/sandbox/failure.ts";

test.each([
  [
    "a user namespace cannot be made: Operation not permitted",
    "DEVENV_USER_NAMESPACE",
    /As root|\/etc\/subuid|apparmor/,
  ],
  [
    "newuidmap cannot be started: No such file or directory",
    "DEVENV_USER_NAMESPACE",
    /uidmap|apparmor|sysctl/,
  ],
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
    /systemd-run --user --scope/,
  ],
])("%s: has a way to mend it", async (message, code, hint) => {
  expect(await explainFailure(message)).toMatchObject({ code, message, hint: expect.stringMatching(hint) });
});

test.each([
  ["/sys/fs/cgroup/x/pids.max: 7 cannot be written: Invalid argument", "DEVENV_CONTROL_GROUP"],
  ["/no/dir cannot be opened: No such file or directory", "DEVENV_SANDBOX_FAILED"],
])("%s: says it all itself", async (message, code) => {
  const error = await explainFailure(message);
  expect(error).toMatchObject({ code, message });
  expect(error.hint).toBeUndefined();
});

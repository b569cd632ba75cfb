import { readFile } from "node:fs/promises";
import { release } from "node:os";
import { findAppArmor, readHostIdentity, readUserNamespaceHost } from "../../sandbox/index.ts";
import type { Store } from "../../store/index.ts";
import type { Finding } from "./finding.ts";
import { examineSubordinateIds } from "./identity.ts";
import { examineKernel, examineMemory, examineUserNamespaces } from "./kernel.ts";
import { examineLimits } from "./limits.ts";
import { examineNetwork, readNetworkHost } from "./network.ts";
import { examineFlock, examineMappers, examineNode, readMappers } from "./programs.ts";
import { examineStore, storeFailure } from "./storage.ts";
import { judgeTrial, tryOut } from "./trial.ts";

/**
 * What this host can and cannot do, by trying it wherever trying is harmless: every requirement, present or not. What
 * fails only because something else is missing does not say so again.
 */
export async function examineHost(openStore: () => Promise<Store>): Promise<Finding[]> {
  const node = examineNode(process.versions.node);
  const kernel = examineKernel(process.platform, release());
  if (process.platform !== "linux") return [node, kernel];
  const namespaceHost = await readUserNamespaceHost();
  const opened = await openStore().catch((error: unknown) => storeFailure(error));
  const store = "root" in opened ? await examineStore(opened.root) : opened;
  const memory = examineMemory(await textOf("/proc/sys/vm/memfd_noexec"));
  const status = await textOf("/proc/self/status");
  const mappers = examineMappers(
    namespaceHost.uid,
    await readMappers(),
    /^NoNewPrivs:\s*1$/m.test(status ?? ""),
  );
  const ids = examineSubordinateIds(await readHostIdentity());
  const [namespaces, ...trial] = await judgeTrial(
    [kernel, memory, mappers, ids, store],
    examineUserNamespaces(namespaceHost),
    findAppArmor(namespaceHost),
    async () => ("root" in opened ? await tryOut(opened) : undefined),
  );
  if (namespaces === undefined) throw new Error("Assertion failed: a trial without findings");
  return [
    node,
    kernel,
    memory,
    namespaces,
    mappers,
    ids,
    await examineFlock(),
    store,
    ...trial,
    ...("root" in opened ? examineLimits(opened.root) : []),
    ...examineNetwork(await readNetworkHost()),
  ];
}

async function textOf(file: string): Promise<string | undefined> {
  return await readFile(file, "utf8").then(
    (text) => text.trim(),
    () => undefined,
  );
}

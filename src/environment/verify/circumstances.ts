import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { promisify } from "node:util";

/** What is other for a second build than for the first, and must make no difference. */
export interface Circumstances {
  /** Words before the command of the build. */
  readonly wrapper: readonly string[];
  /** Variables of it. */
  readonly env: Readonly<Record<string, string>>;
  /** For people: what is other, each a few words. */
  readonly described: readonly string[];
}

/** As much as this host lets whoever asks change: only root may give itself another host name. */
export async function otherCircumstances(): Promise<Circumstances> {
  const env = {
    TZ: "Pacific/Kiritimati",
    LANG: "tr_TR.UTF-8",
    LC_ALL: "tr_TR.UTF-8",
    USER: "somebody-else",
    LOGNAME: "somebody-else",
  };
  const wrappers = [...(await oneProcessor()), ...(await otherHostName()), otherUmask];
  return {
    wrapper: wrappers.flatMap(({ words }) => words),
    env,
    described: [
      "another time and time zone",
      "another language",
      "another user's name",
      "another store",
      ...wrappers.map(({ title }) => title),
    ],
  };
}

interface Wrapper {
  readonly words: readonly string[];
  readonly title: string;
}

const otherUmask: Wrapper = { words: ["sh", "-c", 'umask 077; exec "$@"', "sh"], title: "another umask" };

async function oneProcessor(): Promise<Wrapper[]> {
  const processors = availableParallelism();
  const status = await readFile("/proc/self/status", "utf8").catch(() => "");
  const last = /^Cpus_allowed_list:.*?(\d+)$/m.exec(status)?.[1];
  if (processors === 1 || last === undefined) return [];
  return [{ words: ["taskset", "--cpu-list", last], title: `1 of ${processors} processors` }];
}

async function otherHostName(): Promise<Wrapper[]> {
  const script = 'echo "verify-$$" > /proc/sys/kernel/hostname && exec "$@"';
  const words = ["unshare", "--uts", "sh", "-c", script, "sh"];
  const works = await promisify(execFile)(words[0] ?? "", [...words.slice(1), "true"]).then(
    () => true,
    () => false,
  );
  return works ? [{ words, title: "another host name" }] : [];
}

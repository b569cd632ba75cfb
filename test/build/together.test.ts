import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { together } from "../../src/build/together.ts";

/** Ends when it is told to, which it notes. */
const waiting = (ended: string[]) => async (signal: AbortSignal) => {
  await once(signal, "abort");
  ended.push("told");
  throw new Error("ended early");
};

describe("two things at the same time", () => {
  test("give what each of them gives", async () => {
    expect(
      await together(
        undefined,
        async () => 1,
        async () => "two",
      ),
    ).toEqual([1, "two"]);
  });

  test("are one failure, the first, told when the other has ended as well", async () => {
    const ended: string[] = [];
    const failing = async () => {
      throw new Error("the reason");
    };
    await expect(together(undefined, failing, waiting(ended))).rejects.toThrow("the reason");
    await expect(together(undefined, waiting(ended), failing)).rejects.toThrow("the reason");
    expect(ended).toEqual(["told", "told"]);
  });

  test("both end with their caller", async () => {
    const ended: string[] = [];
    const { signal } = new AbortController();
    const controller = new AbortController();
    const all = together(AbortSignal.any([signal, controller.signal]), waiting(ended), waiting(ended));
    controller.abort();
    await expect(all).rejects.toThrow("ended early");
    expect(ended).toEqual(["told", "told"]);
  });
});

/**
 * Does two things at the same time. When one fails the other is told to end, and is awaited before the failure is
 * told, so that nothing goes on behind it.
 */
export async function together<A, B>(
  signal: AbortSignal | undefined,
  first: (signal: AbortSignal) => Promise<A>,
  second: (signal: AbortSignal) => Promise<B>,
): Promise<[A, B]> {
  const end = new AbortController();
  const both = signal === undefined ? end.signal : AbortSignal.any([signal, end.signal]);
  const failures: unknown[] = [];
  const attempt = async <T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    try {
      return await work(both);
    } catch (error) {
      failures.push(error);
      end.abort();
      throw error;
    }
  };
  const [a, b] = await Promise.allSettled([attempt(first), attempt(second)]);
  if (a.status === "fulfilled" && b.status === "fulfilled") return [a.value, b.value];
  throw failures[0];
}

/** What a {@link DevenvError} carries beside its code and message. */
export interface DevenvErrorOptions {
  /** What the user can do next, in one or more sentences. */
  readonly hint?: string;
  /** The error this one explains. */
  readonly cause?: unknown;
  /** Exit code 2 instead of 1: the command line or a file the user wrote is wrong. */
  readonly usage?: boolean;
  /** The names in the configuration that the lines of the message are about, one for each line. */
  readonly about?: readonly string[];
}

/**
 * The one error class of the program: a stable code (`DEVENV_LOCK_STALE`), a message that names the file, URL or
 * package, a hint and a cause. Anything else that reaches the command line is a bug and is printed with its stack.
 */
export class DevenvError extends Error {
  readonly code: `DEVENV_${string}`;
  readonly hint: string | undefined;
  readonly usage: boolean;
  readonly about: readonly string[];

  constructor(code: `DEVENV_${string}`, message: string, options: DevenvErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "DevenvError";
    this.code = code;
    this.hint = options.hint;
    this.usage = options.usage ?? false;
    this.about = options.about ?? [];
  }
}

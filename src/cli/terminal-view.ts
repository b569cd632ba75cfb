import { Writable } from "node:stream";
import { DefaultRenderer, Listr, ListrLogger, ProcessOutput } from "listr2";
import type { Observer } from "../environment/observer.ts";

/** An {@link Observer} that can be told that all is over, well or not. */
export interface View extends Observer {
  close(failed: boolean): Promise<void>;
}

interface Phase {
  /** Changes the text beside the title. */
  progress(text: string): void;
  finish(failed: boolean): void;
  /** Resolves when the last frame is drawn. */
  readonly drawn: Promise<void>;
}

/** Each phase is a list of one task: what comes is not known before it comes. */
export function terminalView(out: Writable): View {
  let current: Phase | undefined;
  let drawn: Promise<void> = Promise.resolve();
  const finish = (failed: boolean): void => {
    if (current === undefined) return;
    current.finish(failed);
    drawn = current.drawn;
    current = undefined;
  };
  return {
    begin: (title) => {
      finish(false);
      current = startPhase(out, title, drawn);
    },
    progress: (text) => current?.progress(text),
    end: () => finish(false),
    note: (text) => {
      finish(false);
      drawn = drawn.then(() => void out.write(`${text}\n`));
    },
    settle: async () => {
      finish(false);
      await drawn;
    },
    close: async (failed) => {
      finish(failed);
      await drawn;
    },
  };
}

function startPhase(out: Writable, title: string, before: Promise<void>): Phase {
  const { promise: over, resolve, reject } = withResolvers();
  over.catch(() => {});
  let show: ((text: string) => void) | undefined;
  // Made only when the phase before is drawn: it takes over `out` as it finds it, which must not be in other hands.
  const draw = async (): Promise<void> => {
    const list = new Listr(
      {
        title,
        task: (_, task) => {
          show = (text) => {
            task.output = text;
          };
          return over;
        },
      },
      {
        exitOnError: false,
        renderer: TerminalRenderer,
        rendererOptions: {
          showErrorMessage: false,
          logger: new ListrLogger({ processOutput: outputTo(out) }),
        },
        registerSignalListeners: false,
      },
    );
    await list.run();
  };
  return {
    progress: (text) => show?.(text),
    finish: (failed) => (failed ? reject(new Error(title)) : resolve()),
    drawn: before.then(draw).catch(() => {}),
  };
}

/** The usual one, which would refuse when standard output is no terminal: nothing is drawn there. */
class TerminalRenderer extends DefaultRenderer {
  static override nonTTY = true;
}

/** Nothing is taken over but `out`: what a program prints beside is its own. */
function outputTo(out: Writable): ProcessOutput {
  const nowhere = new Writable({ write: (_, __, done) => done() });
  return new ProcessOutput(out as NodeJS.WriteStream, nowhere as NodeJS.WriteStream);
}

function withResolvers(): { promise: Promise<void>; resolve: () => void; reject: (error: Error) => void } {
  let resolve = (): void => {};
  let reject = (_: Error): void => {};
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

/** Told what an operation is doing; the command line draws it, tests record it. */
export interface Observer {
  /** A phase begins, such as `building the image`; the phase before it is over. */
  begin(title: string): void;
  /** How far the present phase is. */
  progress(text: string): void;
  /** The present phase is over, well. */
  end(): void;
  /** Something the user should know, whatever the phase. */
  note(text: string): void;
  /** Resolves when all is drawn, so that a program may write to the same terminal. */
  settle(): Promise<void>;
}

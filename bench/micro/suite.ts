/** One hot function, or one way to do it. */
export interface MicroTask {
  readonly name: string;
  /** Operations (messages, frames, records) that one call of `run` does: a call has to be long against the clock's tick. */
  readonly operations: number;
  readonly run: () => void;
}

/** What a file of this folder exports as `suite`. */
export interface MicroSuite {
  readonly name: string;
  /** Sets the stage and returns the tasks; called right before they run. */
  readonly open: () => readonly MicroTask[];
}

import { BoundedQueue } from '../../base/bounded-queue.js';

/** What gRPC holds of one stream at once. More would bring nothing, and all that has rank would wait behind it. */
const TAKEN_BYTES_MAX = 256 * 1024;
const TAKEN_FRAMES_MAX = 256;

export interface FrameSource {
  /** The next one, taken out; undefined if there is none. */
  shift(): Buffer | undefined;
}

/** Of the stream, as much as is needed here. */
export interface FrameSink {
  write(frame: Buffer, done: (error?: Error | null) => void): boolean;
}

/** Frames that wait, with a limit. */
export class FrameQueue implements FrameSource {
  readonly #frames: BoundedQueue<Buffer>;
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(framesMax: number, bytesMax: number) {
    this.#frames = new BoundedQueue(framesMax);
    this.#bytesMax = bytesMax;
  }

  get isEmpty(): boolean {
    return this.#frames.isEmpty;
  }

  /** @returns false, and takes nothing, if it is full. */
  push(frame: Buffer): boolean {
    if (this.#bytes + frame.length > this.#bytesMax || !this.#frames.push(frame)) return false;
    this.#bytes += frame.length;
    return true;
  }

  shift(): Buffer | undefined {
    const frame = this.#frames.shift();
    if (frame !== undefined) this.#bytes -= frame.length;
    return frame;
  }

  clear(): void {
    this.#frames.clear();
    this.#bytes = 0;
  }
}

/*
  Gives one stream as much as it can take, from the sources in their order: what is first in it overtakes all the rest.

    pings --+
    messages+--> flush --> taken, at most 256 KiB and one frame --> gRPC
    chunks -+                  ^-- written: on to the next
*/
export class Outflow {
  readonly #sink: FrameSink;
  readonly #sources: readonly FrameSource[];
  readonly #onWritten: (bytes: number) => void;
  /** Lengths of the frames that gRPC has and that have not gone, in their order. */
  readonly #taken: BoundedQueue<number> = new BoundedQueue(TAKEN_FRAMES_MAX);
  #takenBytes = 0;
  #isClosed = false;

  /** @param onWritten a frame of so many bytes has left gRPC: within the peer's window, or because the peer reads. */
  constructor(sink: FrameSink, sources: readonly FrameSource[], onWritten: (bytes: number) => void) {
    this.#sink = sink;
    this.#sources = sources;
    this.#onWritten = onWritten;
  }

  flush(): void {
    while (!this.#isClosed && this.#takenBytes < TAKEN_BYTES_MAX && !this.#taken.isFull) {
      const frame = this.#next();
      if (frame === undefined) return;
      this.#taken.push(frame.length);
      this.#takenBytes += frame.length;
      this.#sink.write(frame, this.#written);
    }
  }

  /** Nothing is taken any more, whatever was written. */
  close(): void {
    this.#isClosed = true;
  }

  #next(): Buffer | undefined {
    for (const source of this.#sources) {
      const frame = source.shift();
      if (frame !== undefined) return frame;
    }
    return undefined;
  }

  /** One for all frames: they are written in their order. */
  readonly #written = (error?: Error | null): void => {
    if (this.#isClosed || (error !== null && error !== undefined)) return; // The stream tells of its errors itself.
    const bytes = this.#taken.shift() ?? 0;
    this.#takenBytes -= bytes;
    this.#onWritten(bytes);
    this.flush();
  };
}

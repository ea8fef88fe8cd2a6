import type { Supervisor } from './supervisor.js';

/** Waits for what the phases of the shards decide. One at a time. @returns false if the time was over first. */
export function untilShards(supervisor: Supervisor, condition: () => boolean, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (result: boolean): void => {
      clearTimeout(timer);
      supervisor.onChange = () => {};
      resolve(result);
    };
    const timer = Number.isFinite(timeoutMs) ? setTimeout(() => end(false), timeoutMs) : undefined;
    supervisor.onChange = () => {
      if (condition()) end(true);
    };
    supervisor.onChange();
  });
}

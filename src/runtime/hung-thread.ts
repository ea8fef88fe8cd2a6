import { Session } from 'node:inspector';

/**
 * From the request until the thread has closed. A thread that runs JS pauses at once, but on a busy machine its processor may be
 * taken; to give up on it early risks the process.
 */
const CLOSE_MS_MAX = 3000;

/** What a thread calls its listener for, when main stops it in the middle of something: `process.emit` of this name. */
export const CLOSE_EVENT = 'closeBeforeThreadEnds';

const REQUEST = { enable: 1, pause: 2, close: 3, resume: 4 } as const;

interface WorkerMessage {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly callFrames?: readonly CallFrame[]; readonly scriptId?: string; readonly url?: string };
}

interface CallFrame {
  readonly callFrameId: string;
  readonly functionName: string;
  readonly location: { readonly scriptId: string; readonly lineNumber: number };
}

/**
 * Reaches into a thread that hangs in JS, before it is terminated. Two reasons: a thread that is terminated with uWebSockets.js
 * listening aborts the whole process, and a thread that hangs reads no messages; and the stack tells where it hangs.
 * The debugger can do both: it pauses the thread wherever it is and has it emit CLOSE_EVENT there.
 * @param threadId `worker.threadId`.
 * @param done called once, with the innermost frames first; empty if the thread did not pause (it hangs outside of JS).
 */
export function closeHungThread(threadId: number, done: (stack: readonly string[]) => void): void {
  const session = new Session();
  let workerSession = '';
  let stack: readonly string[] = [];
  const urlByScript = new Map<string, string>();
  const end = (): void => {
    clearTimeout(timer);
    session.disconnect();
    done(stack);
  };
  const timer = setTimeout(end, CLOSE_MS_MAX);
  const send = (id: number, method: string, params: object = {}): void =>
    session.post('NodeWorker.sendMessageToWorker', { sessionId: workerSession, message: JSON.stringify({ id, method, params }) });

  session.connect();
  session.on('NodeWorker.attachedToWorker', ({ params }) => {
    if (!params.workerInfo.title.startsWith(`[worker ${threadId}]`)) return; // Its workerId is a count of the inspector's own.
    workerSession = params.sessionId;
    send(REQUEST.enable, 'Debugger.enable');
    send(REQUEST.pause, 'Debugger.pause');
  });
  session.on('NodeWorker.receivedMessageFromWorker', ({ params }) => {
    if (params.sessionId !== workerSession) return;
    const message: WorkerMessage = JSON.parse(params.message);
    const { callFrames: frames, scriptId, url } = message.params ?? {};
    if (scriptId !== undefined && url !== undefined) urlByScript.set(scriptId, url);
    if (message.method === 'Debugger.paused' && frames !== undefined && frames.length > 0) {
      stack = frames.map(({ functionName, location }) => {
        return `${functionName || '(anonymous)'} ${urlByScript.get(location.scriptId) ?? ''}:${location.lineNumber + 1}`;
      });
      const expression = `globalThis.process.emit(${JSON.stringify(CLOSE_EVENT)})`;
      send(REQUEST.close, 'Debugger.evaluateOnCallFrame', { callFrameId: frames[0].callFrameId, expression });
    } else if (message.id === REQUEST.close) send(REQUEST.resume, 'Debugger.resume');
    else if (message.id === REQUEST.resume) end();
  });
  session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
}

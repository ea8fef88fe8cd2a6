import { BrokerError } from '../../base/errors.js';
import { PRODUCT_VERSION } from '../../base/version.js';
import { loadSettings } from '../../settings/parse.js';
import { EXIT } from '../command-line.js';
import { RemoteError } from '../control-client.js';
import type { CheckJournal } from '../ports.js';
import { errorText } from '../serve.js';
import { joinCluster, leaveCluster, listMembers, showCluster, transferLeadership } from './cluster-verbs.js';
import { type CtlLine, isCtlLine, parseCtlLine } from './command-line.js';
import { exportStream } from './export.js';
import { repairJournal, showJournal, verifyJournal } from './journal-verbs.js';
import { NodeClient } from './node-client.js';
import { deleteSession, listSessions, showSession } from './session-verbs.js';
import { createStream, deleteStream, describeStream, listStreams } from './stream-verbs.js';
import { tailStream } from './tail.js';
import { processTerminal, type Terminal } from './terminal.js';

/** One run of robust-ctl. */
export interface CtlRun {
  /** Arguments without the interpreter and the script. */
  readonly args: readonly string[];
  readonly journal: CheckJournal;
}

/** Does what the arguments say. Errors are written to standard error. @returns the exit code. */
export async function runCtl({ args, journal }: CtlRun): Promise<number> {
  const parsed = parseCtlLine(args, PRODUCT_VERSION);
  if (!isCtlLine(parsed)) {
    process.stdout.write(parsed.out);
    process.stderr.write(parsed.err);
    return parsed.exitCode;
  }
  const terminal = processTerminal();
  try {
    return await runAction(parsed, terminal, journal);
  } catch (error) {
    terminal.err(errorText(error));
    const code = error instanceof BrokerError || error instanceof RemoteError ? error.code : '';
    return code === 'RMQ-1009' ? EXIT.unreachable : EXIT.failure;
  }
}

async function runAction({ action, input, form }: CtlLine, terminal: Terminal, journal: CheckJournal): Promise<number> {
  const node = new NodeClient(loadSettings(input).settings.data_path);
  const call = { node, form, terminal };
  switch (action.kind) {
    case 'run':
      return await action.run(call);
    case 'stream-list':
      return await listStreams({ ...call, action });
    case 'stream-describe':
      return await describeStream({ ...call, action });
    case 'stream-create':
      return await createStream({ ...call, action });
    case 'stream-delete':
      return await deleteStream({ ...call, action });
    case 'stream-tail':
      return await tailStream({ ...call, action });
    case 'stream-export':
      return await exportStream({ ...call, action });
    case 'session-list':
      return await listSessions({ ...call, action });
    case 'session-show':
      return await showSession({ ...call, action });
    case 'session-delete':
      return await deleteSession({ ...call, action });
    case 'cluster-status':
      return await showCluster({ ...call, action });
    case 'cluster-members':
      return await listMembers({ ...call, action });
    case 'cluster-join':
      return await joinCluster({ ...call, action });
    case 'cluster-leave':
      return await leaveCluster({ ...call, action });
    case 'cluster-transfer':
      return await transferLeadership({ ...call, action });
    case 'journal-status':
      return await showJournal({ ...call, action });
    case 'journal-verify':
      return await verifyJournal({ ...call, action }, journal);
    case 'journal-repair':
      return await repairJournal({ ...call, action }, journal);
  }
}

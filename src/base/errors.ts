/*
  Errors of the world (a port in use, a bad setting, a full disk): each has a code, a cause and a cure.

  One line reads: RMQ-1003 cannot listen on 127.0.0.1:1883 (mqtt tcp): in use by pid 812. Stop it, or set mqtt.tcp.port.
                  code     title         detail                                            cure

  Our own bugs are `assert`, the peer's faults are `ProtocolViolation`; neither has a code. Codes are never reused.
  `src/ERRORS.md` explains each of them for the operator; the tidy test holds the two lists equal.
*/

export interface ErrorEntry {
  /** What did not work, in words that the detail continues. */
  readonly title: string;
  /** What to do about it, unless the place that throws knows better. */
  readonly cure: string;
}

export const ERROR_TABLE = {
  'RMQ-1001': { title: 'cannot read settings', cure: 'Check the path and that this user may read the file' },
  'RMQ-1002': { title: 'settings are not valid', cure: 'Correct the value; config/server.toml shows the form' },
  'RMQ-1003': { title: 'cannot listen', cure: 'Stop the process that has the port, or set another port (0 picks a free one)' },
  'RMQ-1004': { title: 'data directory is in use', cure: 'Stop the other broker with `robust-server stop`, or set another data_path' },
  'RMQ-1005': { title: 'data directory cannot be used', cure: 'Give this user the right to write there, or set another data_path' },
  'RMQ-1006': { title: 'this platform is not supported', cure: 'Use Linux on x64 or arm64 with Node 20.19 or later, 22 or 24' },
  'RMQ-1007': { title: 'build failed', cure: 'Run `npm ci` and `npm run build`, and read its output' },
  'RMQ-1008': {
    title: 'native transport is not available',
    cure: 'Install a C++17 compiler and run `npm run build`, or set runtime.transport = "auto"',
  },
  'RMQ-1009': { title: 'server is not running', cure: 'Start it with `robust-server start`, or name the data_path that it uses' },
  'RMQ-1010': { title: 'server did not start', cure: 'Read data_path/server.log, or start it with --foreground' },
  'RMQ-1011': { title: 'server did not stop in time', cure: 'Look at its log, then end it by `kill -9` and its pid' },
  'RMQ-1012': {
    title: 'listening beyond this machine needs authentication',
    cure: 'Use a loopback address, or set auth.anonymous = false so that nobody gets in unproven; security.profile = "open" lets everybody in',
  },
  'RMQ-1013': {
    title: 'shard failed',
    cure: 'The other shards go on and the shard is started again; report the log lines before this one',
  },
  'RMQ-1014': {
    title: 'server cannot go on',
    cure: 'Report the log lines before this one; acknowledged messages are safe as far as their topic promises',
  },
  'RMQ-1015': { title: 'control socket failed', cure: 'Use a data_path on a local disk whose user may write there' },
  'RMQ-1016': {
    title: 'descriptors are used up',
    cure: 'Raise the limit of open files (`ulimit -n`, systemd LimitNOFILE), or runtime.descriptors_reserved',
  },
  'RMQ-1017': {
    title: 'WebSocket engine is not available',
    cure: 'Run `npm ci` again so that uWebSockets.js is installed, or set mqtt.ws.engine = "ws"',
  },
  'RMQ-1018': {
    title: 'journal cannot be opened',
    cure: 'Read which file it is, and run `robust-ctl journal verify`; a copy of data_path from before can be put back',
  },
  'RMQ-1019': {
    title: 'disk of the journal is full',
    cure: 'Make room, or lower retention; publishes are taken again by themselves as soon as there is room',
  },
  'RMQ-1020': {
    title: 'disk of the journal failed',
    cure: 'Look at the kernel log and the disk, then start the broker again; what was acknowledged is there, or the disk has lost it',
  },
  'RMQ-1021': {
    title: 'journal is corrupt',
    cure: 'Run `robust-ctl journal verify` to see what is missing; set-aside files are kept beside the others',
  },
  'RMQ-1022': {
    title: 'stream cannot be as asked for',
    cure: 'Correct it; `robust-ctl stream list` shows the streams that there are',
  },
  'RMQ-1023': { title: 'not found', cure: 'Look for the name with `robust-ctl stream list` or `robust-ctl session list`' },
  'RMQ-1024': {
    title: 'shards did not answer',
    cure: 'Try again in some seconds; `robust-server status` and the log of the server show how they are',
  },
  'RMQ-1025': { title: 'not confirmed', cure: 'Answer y, or give --yes where nobody can be asked' },
  'RMQ-1026': { title: 'output cannot be written', cure: 'Give this user the right to write there, or make room' },
  'RMQ-1027': {
    title: 'metadata service failed',
    cure: 'Look at the kernel log and the disk, then start the node again; if its files are damaged, let it join anew with an empty data_path',
  },
  'RMQ-1028': {
    title: 'the cluster refuses this node',
    cure: 'Start it with an empty data_path and let it join: `robust-ctl cluster join <address> --token <token>`',
  },
  'RMQ-1029': {
    title: 'metadata service cannot answer now',
    cure: 'Try again in some seconds; if it stays so, more than half of the voters are down: `robust-ctl cluster members` on a node that runs',
  },
  'RMQ-1030': { title: 'it was changed meanwhile', cure: 'Read it again, and repeat the change with its new revision' },
  'RMQ-1031': { title: 'the change is refused', cure: 'Correct what the message says' },
  'RMQ-1032': {
    title: 'not authenticated',
    cure: 'Give the token of the cluster (metadata.token), or a client certificate that its authority signed',
  },
  'RMQ-1033': { title: 'too much at once', cure: 'Send less, or wait for answers before you send more' },
  'RMQ-1034': {
    title: 'the cluster cannot be changed so',
    cure: 'Look at `robust-ctl cluster members`, and correct what the message says',
  },
  'RMQ-1035': {
    title: 'metadata is missing',
    cure: 'Bring data_path/metadata back from a copy, or set data_path/journal aside and begin with an empty one; nothing was changed',
  },
  'RMQ-1037': {
    title: 'authentication failed',
    cure: 'It is started again, and clients that are connected stay; report the log lines before this one',
  },
  'RMQ-1036': { title: 'the question is not valid', cure: 'Correct what the message says; nothing was done' },
  'RMQ-1038': {
    title: 'certificates or keys of a listener cannot be used',
    cure: 'Correct the file; while the broker runs, what it had before stays in force',
  },
  'RMQ-1039': { title: 'messages cannot be received', cure: 'Look at address, user name and password, and at the rules of access' },
} as const;

export type ErrorCode = keyof typeof ERROR_TABLE;

export interface BrokerErrorOptions {
  readonly cause?: unknown;
  /** A cure that fits this case better than the one in the table. */
  readonly cure?: string;
}

export class BrokerError extends Error {
  override readonly name = 'BrokerError';
  readonly code: ErrorCode;
  readonly cure: string;

  /** @param detail continues the title of the code: `on 127.0.0.1:1883 (mqtt tcp): in use by pid 812`. No full stop at its end. */
  constructor(code: ErrorCode, detail: string, options: BrokerErrorOptions = {}) {
    const entry: ErrorEntry = ERROR_TABLE[code];
    super(`${code} ${entry.title} ${detail}`.trimEnd(), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.cure = options.cure ?? entry.cure;
  }

  /** Code, what happened and cure: what an operator reads. */
  get line(): string {
    // A message of several lines is a list: the cure stands below it.
    return this.message.includes('\n') ? `${this.message}\n  ${this.cure}.` : `${this.message}. ${this.cure}.`;
  }
}

/** What to show of anything that was thrown: our own errors with code and cure, others by their message. */
export function describeError(error: unknown): string {
  if (error instanceof BrokerError) return error.line;
  if (error instanceof Error) return error.message;
  return String(error);
}

/** The `code` that Node puts on errors of system calls (EADDRINUSE, ENOENT); empty for anything else. */
export function systemCodeOf(error: unknown): string {
  if (!(error instanceof Error) || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}

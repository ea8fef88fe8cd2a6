import { isUtf8 } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { Option } from 'commander';
import { BrokerError } from '../../../base/errors.js';
import { EXIT } from '../../command-line.js';
import { printable } from '../columns.js';
import { qosNumber, type RunCall, type Verb, verb, wholeNumber } from '../verb.js';
import { firstLine } from './password-file.js';
import { type ReceivedMessage, subscribe } from './subscriber.js';

interface SubscribeFlags {
  readonly qos: 0 | 1 | 2;
  readonly count?: number;
  readonly host?: string;
  readonly port: number;
  readonly user?: string;
  readonly passwordFile?: string;
  readonly clientId?: string;
}

export const SUBSCRIBE_VERB: Verb = verb<SubscribeFlags>({
  verb: 'subscribe',
  summary: 'Show messages as they come, until Ctrl-C',
  description:
    'Show messages as they come, until Ctrl-C; with -o json a line for each. It is a client like any other, of the broker that runs or of --host: where clients need a ' +
    'name and a password, give them',
  args: ['<filter>'],
  options: [
    new Option('-q, --qos <qos>', 'highest QoS').argParser(qosNumber).default(0),
    new Option('-n, --count <messages>', 'end after so many').argParser(wholeNumber),
    new Option('--host <host>', 'of another broker'),
    new Option('--port <port>', 'of another broker').argParser(wholeNumber).default(1883),
    new Option('--user <name>', 'user name'),
    new Option('--password-file <file>', 'the password is its first line; - reads standard input'),
    new Option('--client-id <id>', 'client identifier'),
  ],
  examples: [
    "mqtt subscribe 'site/+/state'",
    "mqtt subscribe '#' --count 10 -o json",
    "mqtt subscribe 'a/#' --host broker.example.org --user alice --password-file alice.password",
  ],
  run: async (call, [filter], flags) => {
    const { host, port } = await placeOf(call, flags);
    let left = flags.count ?? Number.POSITIVE_INFINITY;
    if (left === 0) return EXIT.ok;
    await subscribe({
      ...{ host, port, filters: [filter], qos: flags.qos, signal: call.terminal.signal },
      clientId: flags.clientId ?? `robust-ctl-${randomBytes(6).toString('hex')}`,
      userName: flags.user ?? null,
      password: flags.passwordFile === undefined ? null : firstLine(flags.passwordFile),
      onMessage: async (message) => {
        await call.terminal.out(call.form === 'json' ? lineOf(message) : `${printable(message.topic)} ${shown(message.payload)}\n`);
        left -= 1;
        return left > 0;
      },
    });
    return EXIT.ok;
  },
});

/** The broker of the data directory says where it listens. */
async function placeOf({ node }: RunCall, { host, port }: SubscribeFlags): Promise<{ readonly host: string; readonly port: number }> {
  if (host !== undefined) return { host, port };
  const { listeners } = await node.status();
  const plain = listeners.find(({ url }) => url.startsWith('mqtt://'));
  if (plain === undefined)
    throw new BrokerError('RMQ-1039', '(the broker has no plain TCP listener)', { cure: 'Name another one: --host and --port' });
  const anyHost = plain.host === '0.0.0.0' || plain.host === '::';
  return { host: anyHost ? '127.0.0.1' : plain.host, port: plain.port };
}

function shown(payload: Uint8Array): string {
  const bytes = Buffer.from(payload);
  return isUtf8(bytes) ? printable(bytes.toString()) : `base64 ${bytes.toString('base64')}`;
}

function lineOf({ topic, payload, qos, retain }: ReceivedMessage): string {
  const bytes = Buffer.from(payload);
  return `${JSON.stringify({ topic, payload: isUtf8(bytes) ? bytes.toString() : { base64: bytes.toString('base64') }, qos, retain })}\n`;
}

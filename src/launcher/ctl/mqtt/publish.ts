import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { InvalidArgumentError, Option } from 'commander';
import { PUBLISH } from '../../../admin/questions/mqtt-messages.js';
import type { Payload } from '../../../admin/questions/mqtt-retained.js';
import { BrokerError, systemCodeOf } from '../../../base/errors.js';
import { tellDone } from '../pages.js';
import { qosNumber, type TenantFlag, tenant, type Verb, verb, wholeNumber } from '../verb.js';

interface PublishFlags extends TenantFlag {
  readonly qos: 0 | 1 | 2;
  readonly retain?: boolean;
  readonly file?: string;
  readonly expiry: number;
  readonly contentType: string;
  readonly property: readonly (readonly [string, string])[];
}

export const PUBLISH_VERB: Verb = verb<PublishFlags>({
  verb: 'publish',
  summary: 'Publish a message; done when it is durable, where a log keeps it',
  args: ['<topic>', '[message]'],
  options: [
    tenant(),
    new Option('-q, --qos <qos>', 'QoS').argParser(qosNumber).default(1),
    new Option('-r, --retain', 'keep it as the last message of its topic; an empty one deletes that'),
    new Option('--file <file>', 'the message is what is in it; - reads standard input'),
    new Option('--expiry <seconds>', 'not delivered later than that').argParser(wholeNumber).default(0),
    new Option('--content-type <text>', 'what the message is').default(''),
    new Option('--property <name=value>', 'user property; may be repeated').argParser(property).default([]),
  ],
  examples: [
    "mqtt publish site/1/commands 'reboot'",
    'mqtt publish site/1/state --retain --file state.json --content-type application/json',
    "mqtt publish alarms 'fire' --qos 2 --expiry 60 --property source=operator --tenant acme",
  ],
  faultOf: ([, message], { file }) => (message !== undefined && file !== undefined ? 'a message, or --file, and not both' : null),
  run: (call, [topic, message = ''], flags) =>
    tellDone(call, PUBLISH, {
      ...{ tenant: flags.tenant, topic, payload: flags.file === undefined ? message : payloadOf(flags.file) },
      ...{ qos: flags.qos, retain: flags.retain === true, expirySeconds: flags.expiry },
      ...{ contentType: flags.contentType, userProperties: flags.property },
    }),
});

function property(text: string, previous: readonly (readonly [string, string])[]): readonly (readonly [string, string])[] {
  const equals = text.indexOf('=');
  if (equals < 1) throw new InvalidArgumentError('It has the form name=value.');
  return [...previous, [text.slice(0, equals), text.slice(equals + 1)]];
}

function payloadOf(path: string): Payload {
  try {
    const bytes = readFileSync(path === '-' ? 0 : path); // Descriptor 0: standard input.
    return isUtf8(bytes) ? bytes.toString() : { base64: bytes.toString('base64') };
  } catch (error) {
    throw new BrokerError('RMQ-1001', `from ${path}: ${systemCodeOf(error)}`, { cause: error });
  }
}

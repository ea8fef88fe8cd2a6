import { PUBLISH, type PublishAsk } from '../../admin/questions/mqtt-messages.js';
import type { Done } from '../../admin/questions/question.js';
import { BrokerError } from '../../base/errors.js';
import type { OperatorPublished } from '../../protocols/mqtt/operator/publish.js';
import { type Answerer, type AskedNode, answerer } from './answerer.js';

const REFUSALS: Readonly<Record<Exclude<OperatorPublished, 'published' | 'unheard'>, () => BrokerError>> = {
  'no-tenant': () => new BrokerError('RMQ-1023', '(there is no such tenant)', { cure: 'Look for it with `robust-ctl mqtt tenant list`' }),
  'bad-topic': () => new BrokerError('RMQ-1036', '(topic: this is no topic name)'),
  reserved: () => new BrokerError('RMQ-1036', '(topic: only the broker itself publishes to it, or it says when to publish)'),
  'too-large': () => new BrokerError('RMQ-1036', '(payload: the packet would be longer than mqtt.packet_bytes_max)'),
  'not-stored': () => new BrokerError('RMQ-1019', '(the message was not stored)'),
};

/** Any shard takes it to wherever its topic belongs; one that is being replaced is passed over. */
async function publish(node: AskedNode, { payload, ...message }: PublishAsk): Promise<Done> {
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : Buffer.from(payload.base64, 'base64');
  const outcome = await node.askAny('publish', { ...message, payload: Uint8Array.from(bytes) });
  if (outcome === 'published') return { text: `published ${bytes.length} bytes to ${message.topic}` };
  if (outcome === 'unheard') return { text: `published ${bytes.length} bytes to ${message.topic}; nobody is subscribed` };
  throw REFUSALS[outcome]();
}

export const MESSAGE_ANSWERS: readonly Answerer[] = [answerer(PUBLISH, publish)];

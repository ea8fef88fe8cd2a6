import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { SETTINGS_SCHEMA, type Settings } from '../../src/settings/schema.js';
import { connectInbox, type Inbox, startBroker, urlOf } from '../clients/running-broker.js';
import { eventually } from '../resilience/deadline.js';
import { settingsFor, TRANSPORTS, withNode } from '../runtime/running-node.js';
import { Operator } from './operator.js';

/* A bridge is a client of this broker with the rights of `local_user`: rules say what it may take out, and what of the other side it may bring in. */

const QOS = [0, 1, 2] as const;

function bridged(url: string, localUser: string): Settings {
  const base = settingsFor(TRANSPORTS[0], 2);
  const topic = (direction: string, filter: string): object => ({ direction, filter, qos: 1, local_prefix: '', remote_prefix: '' });
  const bridge = {
    ...{ name: 'b', url, local_user: localUser, reconnect_min: '100ms', reconnect_max: '200ms' },
    topics: [topic('out', 'out/#'), topic('in', 'in/#')],
  };
  return SETTINGS_SCHEMA.parse({
    ...{ data_path: base.data_path, runtime: { shards: 2 }, grpc: { port: 0 }, http: { port: 0 } },
    mqtt: { tcp: { port: 0 }, tls: { port: 0 }, ws: { enabled: false }, wss: { enabled: false }, bridges: [bridge] },
  });
}

const topicsOf = ({ messages }: Inbox): string[] => [
  ...new Set(messages.map(({ topic }) => topic).filter((topic) => !/\/(warm|end)/.test(topic))),
];

async function play(
  context: TestContext,
  localUser: string,
): Promise<{ out: string[]; in: string[]; outLater: string[]; inLater: string[] }> {
  const remote = await startBroker(context, 'runtime.shards=1');
  let heard = { out: [] as string[], in: [] as string[], outLater: [] as string[], inLater: [] as string[] };
  await withNode(bridged(urlOf(remote), localUser), async (node) => {
    const operator = new Operator(node);
    const principal = { kind: 'user', value: localUser === '' ? 'bridge b' : localUser } as const;
    await operator.allow('everything', '#', { order: 1_000_000 });
    await operator.deny('no taking', 'out/no', { actions: ['subscribe'], principal });
    await operator.deny('no bringing', 'in/no', { actions: ['publish'], principal });
    await operator.deny('no keeping', 'in/keep', { actions: ['publish'], principal, retain: 'retained' });
    const { client: here, inbox: heardHere } = await connectInbox(context, urlOf(node), { protocolVersion: 5, clientId: 'here' });
    const { client: there, inbox: heardThere } = await connectInbox(context, urlOf(remote), { protocolVersion: 5, clientId: 'there' });
    await here.subscribeAsync('in/#', { qos: 2 });
    await there.subscribeAsync('out/#', { qos: 2 });
    const settle = async (mark: string): Promise<void> => {
      await eventually('both ways are open, and what was before has come', async () => {
        await here.publishAsync(`out/${mark}`, '', { qos: 1 });
        await there.publishAsync(`in/${mark}`, '', { qos: 1 });
        return [heardThere, heardHere].every(({ messages }) => messages.some(({ topic }) => topic.endsWith(mark)));
      });
    };
    const publishAll = async (): Promise<void> => {
      for (const qos of QOS)
        for (const name of ['no', 'yes']) {
          await here.publishAsync(`out/${name}`, 'x', { qos });
          await there.publishAsync(`in/${name}`, 'x', { qos });
        }
    };
    await settle('warm');
    await publishAll();
    await there.publishAsync('in/keep', 'x', { qos: 1, retain: false });
    await settle('end-1');
    heard = { ...heard, out: topicsOf(heardThere), in: topicsOf(heardHere) };

    await operator.deny('no taking of this', 'out/yes', { actions: ['subscribe'], principal });
    await operator.deny('no bringing of this', 'in/yes', { actions: ['publish'], principal });
    await operator.deny('probe', 'probe', {});
    await eventually('the rules are in force', async () =>
      here.publishAsync('probe', '', { qos: 1 }).then(
        () => false,
        () => true,
      ),
    );
    // The bridge may be on the other shard: within 5 s nothing passes any more.
    await eventually('what was forbidden meanwhile stays away', async () => {
      heardThere.messages.length = 0;
      heardHere.messages.length = 0;
      await publishAll();
      await settle(`end-${Math.random()}`);
      return localUser === '' || (topicsOf(heardThere).length === 0 && topicsOf(heardHere).length === 0);
    });
    heard = { ...heard, outLater: topicsOf(heardThere), inLater: topicsOf(heardHere) };
  });
  return heard;
}

test('bridge: it takes out and brings in what the rules of its local user allow, as they are now', async (context) => {
  const heard = await play(context, 'plant');
  assert.deepEqual(heard, { out: ['out/yes'], in: ['in/yes', 'in/keep'], outLater: [], inLater: [] });
});

test('bridge: without a local user it is the operator of the node, whom no rule is about', async (context) => {
  const heard = await play(context, '');
  const [out, into] = [heard.out.sort(), heard.in.sort()];
  assert.deepEqual(
    [out, into],
    [
      ['out/no', 'out/yes'],
      ['in/keep', 'in/no', 'in/yes'],
    ],
  );
  assert.deepEqual(
    [heard.outLater.sort(), heard.inLater.sort()],
    [
      ['out/no', 'out/yes'],
      ['in/no', 'in/yes'],
    ],
  );
});

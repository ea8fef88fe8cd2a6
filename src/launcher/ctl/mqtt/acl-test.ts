import { Option } from 'commander';
import { ACCESS_TEST, type AccessTestAnswer, type AccessTestAsk } from '../../../admin/questions/mqtt-access-test.js';
import { EXIT } from '../../command-line.js';
import { printable } from '../columns.js';
import { json } from '../stream-verbs.js';
import { qosNumber, type TenantFlag, tenant, type Verb, verb } from '../verb.js';

interface TestFlags extends TenantFlag {
  readonly user: string;
  readonly address: string;
  readonly qos: 0 | 1 | 2;
  readonly retain?: boolean;
}

/** In place of a client identifier. */
const NO_CLIENT = '-';

export const ACL_TEST: Verb = verb<TestFlags>({
  verb: 'test',
  summary: 'Ask whether a client or user may publish or subscribe to a topic, and which rule decides',
  description:
    'Ask whether a client or user may publish or subscribe to a topic, and which rule decides. A client that is connected is judged as it came in, ' +
    'with its user, its address and the rules that its source of authentication gave, unless --user or --address say otherwise. Without a client ' +
    `write ${NO_CLIENT}`,
  args: ['<client>', '<publish|subscribe>', '<topic>'],
  options: [
    new Option('--user <name>', 'who the client is').default(''),
    new Option('--address <address>', 'where the client comes from').default(''),
    new Option('--qos <0|1|2>', 'of the publish or the subscription').argParser(qosNumber).default(0),
    new Option('--retain', 'of a publish: with the retain flag'),
    tenant(),
  ],
  examples: [
    'mqtt acl test sensor-17 publish devices/sensor-17/state',
    "mqtt acl test - subscribe 'site/#' --user alice --address 10.1.2.3",
    'mqtt acl test sensor-17 publish commands/all --qos 1 --retain -o json',
  ],
  faultOf: ([, action]) => (isAction(action) ? null : 'say publish or subscribe behind the client'),
  run: async ({ node, form, terminal }, [client, action, topic], flags) => {
    const answer = await node.put(ACCESS_TEST, {
      ...{ tenant: flags.tenant, user: flags.user, clientId: client === NO_CLIENT ? '' : client, address: flags.address },
      ...{ action: isAction(action) ? action : 'publish', topic, qos: flags.qos, retain: flags.retain === true },
    });
    await terminal.out(form === 'json' ? json(answer) : pageText(answer, topic));
    return EXIT.ok;
  },
});

function isAction(text: string): text is AccessTestAsk['action'] {
  return text === 'publish' || text === 'subscribe';
}

function pageText({ verdict, rules, sentence, topic, isOfSession }: AccessTestAnswer, asked: string): string {
  const lines = [`${verdict} (${rules.length === 0 ? 'no rule' : rules.map((name) => `rule "${name}"`).join(', ')})`, sentence];
  if (topic !== asked && topic !== '') lines.push(`Rules are asked about ${topic}.`);
  if (isOfSession) lines.push('The client is connected, and was judged as it came in.');
  return `${lines.map(printable).join('\n')}\n`;
}

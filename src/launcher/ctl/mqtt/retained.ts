import { RETAINED_CLEAR, RETAINED_DELETE, RETAINED_LIST, RETAINED_SHOW, type RetainedRow } from '../../../admin/questions/mqtt-retained.js';
import { EXIT } from '../../command-line.js';
import { bytesText, facts, printable, secondText } from '../columns.js';
import { warnOfSilence } from '../node-client.js';
import { showList, tellDone } from '../pages.js';
import { counted, json } from '../stream-verbs.js';
import { confirm } from '../terminal.js';
import { type LimitFlag, limit, type TenantFlag, tenant, type VerbGroup, verb, type YesFlag, yes } from '../verb.js';

export const RETAINED: VerbGroup = {
  topic: 'retained',
  summary: 'Retained messages: the last of each topic, for new subscribers',
  verbs: [
    verb<LimitFlag & TenantFlag>({
      verb: 'list',
      summary: 'List retained messages, by topic',
      args: ['[filter]'],
      options: [limit(), tenant()],
      examples: ['mqtt retained list', "mqtt retained list 'site/+/state'", 'mqtt retained list -o json --limit 1000'],
      run: (call, [filter = '#'], flags) => {
        const ask = { after: '', limit: flags.limit, tenant: flags.tenant, filter };
        return showList(call, RETAINED_LIST, ask, ['TOPIC', '>QOS', '>BYTES', 'RECEIVED', 'EXPIRES'], cellsOf);
      },
    }),
    verb<TenantFlag>({
      verb: 'show',
      summary: 'Show the retained message of a topic',
      args: ['<topic>'],
      options: [tenant()],
      examples: [
        'mqtt retained show site/1/state',
        'mqtt retained show site/1/state --tenant acme',
        'mqtt retained show site/1/state -o json',
      ],
      run: async ({ node, form, terminal }, [topic], flags) => {
        const { message } = await node.put(RETAINED_SHOW, { tenant: flags.tenant, topic });
        if (form === 'json') await terminal.out(json(message));
        else {
          const payload = typeof message.payload === 'string' ? printable(message.payload) : `base64 ${message.payload.base64}`;
          const [, qos, bytes, received, expires] = cellsOf(message);
          await terminal.out(
            facts([
              ['Topic', topic],
              ['QoS', qos],
              ['Received', received],
              ['Expires', expires],
              ['Bytes', bytes],
              ['Payload', payload],
            ]),
          );
        }
        return EXIT.ok;
      },
    }),
    verb<TenantFlag & YesFlag>({
      verb: 'delete',
      summary: 'Delete the retained message of a topic',
      args: ['<topic>'],
      options: [tenant(), yes()],
      examples: [
        'mqtt retained delete site/1/state',
        'mqtt retained delete site/1/state --yes',
        'mqtt retained delete site/1/state --tenant acme --yes -o json',
      ],
      run: async (call, [topic], flags) => {
        await confirm(call.terminal, flags.yes === true, `Delete the retained message of ${printable(topic)}?`);
        return await tellDone(call, RETAINED_DELETE, { tenant: flags.tenant, topic });
      },
    }),
    verb<TenantFlag & YesFlag>({
      verb: 'clear',
      summary: 'Delete all retained messages whose topics match a filter',
      args: ['<filter>'],
      options: [tenant(), yes()],
      examples: ["mqtt retained clear 'site/1/#'", "mqtt retained clear '#' --yes", "mqtt retained clear 'site/+/state' --yes -o json"],
      run: async ({ node, form, terminal }, [filter], flags) => {
        await confirm(terminal, flags.yes === true, `Delete all retained messages that match ${printable(filter)}?`);
        const answer = await node.put(RETAINED_CLEAR, { tenant: flags.tenant, filter });
        await terminal.out(form === 'json' ? json(answer) : `deleted ${counted(answer.deleted, 'retained message')}\n`);
        return warnOfSilence(terminal, answer) ? EXIT.failure : EXIT.ok;
      },
    }),
  ],
};

function cellsOf({ topic, qos, bytes, receivedAtMs, expiresAtMs }: RetainedRow): string[] {
  return [topic, String(qos), bytesText(bytes), secondText(receivedAtMs), expiresAtMs === null ? 'never' : secondText(expiresAtMs)];
}

import { DELAYED_CANCEL, DELAYED_CLEAR, DELAYED_LIST, type DelayedRow } from '../../../admin/questions/mqtt-delayed.js';
import { EXIT } from '../../command-line.js';
import { bytesText, printable, secondText } from '../columns.js';
import { warnOfSilence } from '../node-client.js';
import { showList, tellDone } from '../pages.js';
import { counted, json } from '../stream-verbs.js';
import { confirm } from '../terminal.js';
import { type LimitFlag, limit, type TenantFlag, tenant, type VerbGroup, verb, type YesFlag, yes } from '../verb.js';

export const DELAYED: VerbGroup = {
  topic: 'delayed',
  summary: 'Messages that wait to be published ($delayed/...)',
  verbs: [
    verb<LimitFlag & TenantFlag>({
      verb: 'list',
      summary: 'List messages that wait, by where they are kept',
      args: ['[filter]'],
      options: [limit(), tenant()],
      examples: ['mqtt delayed list', "mqtt delayed list 'site/+/command'", 'mqtt delayed list -o json --limit 1000'],
      run: (call, [filter = '#'], flags) => {
        const ask = { after: '', limit: flags.limit, tenant: flags.tenant, filter };
        return showList(call, DELAYED_LIST, ask, ['ID', 'DUE', 'TOPIC', '>QOS', '>BYTES', 'CLIENT', 'RECEIVED'], cellsOf);
      },
    }),
    verb<YesFlag>({
      verb: 'cancel',
      summary: 'Cancel a message that waits',
      args: ['<id>'],
      options: [yes()],
      examples: [
        'mqtt delayed cancel 00003-2-0000000000000017',
        'mqtt delayed cancel 00003-2-0000000000000017 --yes',
        'mqtt delayed cancel 00003-2-0000000000000017 --yes -o json',
      ],
      run: async (call, [id], flags) => {
        await confirm(call.terminal, flags.yes === true, `Cancel the delayed message ${printable(id)}?`);
        return await tellDone(call, DELAYED_CANCEL, { id });
      },
    }),
    verb<TenantFlag & YesFlag>({
      verb: 'clear',
      summary: 'Cancel all messages that wait for topics that match a filter',
      args: ['<filter>'],
      options: [tenant(), yes()],
      examples: ["mqtt delayed clear 'site/1/#'", "mqtt delayed clear '#' --yes", "mqtt delayed clear 'site/+/command' --yes -o json"],
      run: async ({ node, form, terminal }, [filter], flags) => {
        await confirm(terminal, flags.yes === true, `Cancel all delayed messages that match ${printable(filter)}?`);
        const answer = await node.put(DELAYED_CLEAR, { tenant: flags.tenant, filter });
        await terminal.out(form === 'json' ? json(answer) : `cancelled ${counted(answer.cancelled, 'delayed message')}\n`);
        return warnOfSilence(terminal, answer) ? EXIT.failure : EXIT.ok;
      },
    }),
  ],
};

function cellsOf({ id, dueAtMs, topic, qos, bytes, publisher, receivedAtMs }: DelayedRow): string[] {
  return [id, secondText(dueAtMs), topic, String(qos), bytesText(bytes), publisher, secondText(receivedAtMs)];
}

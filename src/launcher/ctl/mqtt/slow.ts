import { SLOW_LIST } from '../../../admin/questions/mqtt-slow.js';
import { EXIT } from '../../command-line.js';
import { columns, numberText, secondText } from '../columns.js';
import { warnOfSilence } from '../node-client.js';
import { json } from '../stream-verbs.js';
import { type LimitFlag, limit, type VerbGroup, verb } from '../verb.js';

export const SLOW: VerbGroup = {
  topic: 'slow',
  summary: 'Slow subscriptions: clients that take long for their messages',
  verbs: [
    verb<LimitFlag>({
      verb: 'list',
      summary: 'List the slowest pairs of client and topic (mqtt.slow_subscriptions)',
      args: [],
      options: [limit()],
      examples: ['mqtt slow list', 'mqtt slow list --limit 10', 'mqtt slow list -o json'],
      run: async ({ node, form, terminal }, _args, flags) => {
        const answer = await node.put(SLOW_LIST, { limit: flags.limit });
        if (form === 'json') await terminal.out(json(answer));
        else {
          const rows = answer.items.map(({ clientId, topic, longestMs, lastMs, count, lastAtMs }) => [
            ...[clientId, topic, numberText(longestMs), numberText(lastMs), numberText(count), secondText(lastAtMs)],
          ]);
          await terminal.out(columns(['CLIENT ID', 'TOPIC', '>LONGEST MS', '>LAST MS', '>TIMES', 'LAST'], rows));
          if (!answer.isMeasured) terminal.err('nothing is measured: set mqtt.slow_subscriptions.enabled\n');
        }
        return warnOfSilence(terminal, { silent: [...answer.silent] }) ? EXIT.failure : EXIT.ok;
      },
    }),
  ],
};

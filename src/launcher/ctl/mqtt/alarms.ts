import { Option } from 'commander';
import { ALARM_LIST } from '../../../admin/questions/alarms.js';
import { secondText } from '../columns.js';
import { showList } from '../pages.js';
import { type LimitFlag, limit, type VerbGroup, verb } from '../verb.js';

export const ALARM_VERBS: VerbGroup = {
  topic: 'alarm',
  summary: 'Alarms: states of the node that somebody should do something about',
  verbs: [
    verb<LimitFlag & { readonly past?: boolean }>({
      verb: 'list',
      summary: 'List alarms that are active, or those that are over',
      args: [],
      options: [limit(), new Option('--past', 'those that are over, the newest first')],
      examples: ['mqtt alarm list', 'mqtt alarm list --past --limit 20', 'mqtt alarm list -o json'],
      run: (call, _args, { limit: count, past }) =>
        showList(
          call,
          ALARM_LIST,
          { after: '', limit: count, isPast: past === true },
          ['ALARM', 'SUBJECT', 'SINCE', 'UNTIL', 'MESSAGE'],
          ({ name, subject, activatedAtMs, deactivatedAtMs, message }) => [
            name,
            subject === '' ? '-' : subject,
            secondText(activatedAtMs),
            secondText(deactivatedAtMs),
            message,
          ],
        ),
    }),
  ],
};

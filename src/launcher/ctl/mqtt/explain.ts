import { Option } from 'commander';
import { EXPLAIN, type ExplainAnswer } from '../../../admin/questions/mqtt-explain.js';
import { EXIT } from '../../command-line.js';
import { printable, timeText } from '../columns.js';
import { json } from '../stream-verbs.js';
import { type TenantFlag, tenant, type Verb, verb } from '../verb.js';

interface ExplainFlags extends TenantFlag {
  readonly client: string;
  readonly topic: string;
}

const VERDICTS: Readonly<Record<ExplainAnswer['verdict'], string>> = {
  yes: 'It gets them.',
  partly: 'It gets them, but perhaps not all.',
  later: 'They wait for it.',
  no: 'It does not get them.',
};
/** What a client did last. */
const EVENTS_SHOWN = 20;

export const EXPLAIN_VERB: Verb = verb<ExplainFlags>({
  verb: 'explain',
  summary: 'Say why a client does or does not get messages of a topic',
  args: [],
  options: [
    new Option('--client <id>', 'client identifier').makeOptionMandatory(),
    new Option('--topic <topic>', 'topic, without wildcards').makeOptionMandatory(),
    tenant(),
  ],
  examples: [
    'mqtt explain --client sensor-17 --topic commands/sensor-17',
    'mqtt explain --client sensor-17 --topic commands/all --tenant acme',
    'mqtt explain --client dashboard --topic state/1 -o json',
  ],
  run: async ({ node, form, terminal }, _args, { client, topic, tenant: ofTenant }) => {
    const answer = await node.put(EXPLAIN, { tenant: ofTenant, clientId: client, topic });
    await terminal.out(form === 'json' ? json(answer) : pageText(answer));
    return EXIT.ok;
  },
});

function pageText({ verdict, sentences, isRetained, events, shard }: ExplainAnswer): string {
  const lines = [VERDICTS[verdict], ...sentences];
  if (isRetained)
    lines.push('The topic has a retained message: it goes out when a client subscribes, as Retain Handling says, and not later.');
  if (shard !== null) lines.push(`Its session is on shard ${shard}.`);
  const shown = events.slice(-EVENTS_SHOWN).map(({ atMs, kind, detail }) => `  ${timeText(atMs)}  ${kind}  ${printable(detail)}`);
  const history = shown.length === 0 ? [] : ['', 'What it did last:', ...shown];
  return `${[...lines.map(printable), ...history].join('\n')}\n`;
}

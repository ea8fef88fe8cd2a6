import { Option } from 'commander';
import { TRACE_DELETE, TRACE_LIST, TRACE_READ, TRACE_START, TRACE_STOP, type TraceStartAsk } from '../../../admin/questions/mqtt-traces.js';
import { EXIT } from '../../command-line.js';
import { bytesText, secondText } from '../columns.js';
import { showList, tellDone } from '../pages.js';
import { confirm } from '../terminal.js';
import { type LimitFlag, limit, type TenantFlag, tenant, type VerbGroup, verb, wholeNumber, type YesFlag, yes } from '../verb.js';

interface StartFlags extends TenantFlag {
  readonly client?: string;
  readonly topic?: string;
  readonly address?: string;
  readonly seconds: number;
  readonly bytesMax: number;
  readonly payload: number;
}

const KINDS = ['client', 'topic', 'address'] as const;

export const TRACES: VerbGroup = {
  topic: 'trace',
  summary: 'Traces: the packets of a client, a topic or an address, one line each',
  verbs: [
    verb<StartFlags>({
      verb: 'start',
      summary: 'Start to write packets down; passwords are left out',
      args: ['<name>'],
      options: [
        new Option('--client <pattern>', 'of clients with such an identifier; * and ? stand for any'),
        new Option('--topic <filter>', 'messages of topics that match'),
        new Option('--address <pattern>', 'of clients with such an address; * and ? stand for any'),
        tenant(),
        new Option('--seconds <count>', 'it ends after so long').argParser(wholeNumber).default(600),
        new Option('--bytes-max <count>', 'it ends when it is so long').argParser(wholeNumber).default(10_485_760),
        new Option('--payload <bytes>', 'show so many bytes of each payload').argParser(wholeNumber).default(0),
      ],
      examples: [
        'mqtt trace start why-silent --client sensor-17',
        "mqtt trace start commands --topic 'commands/#' --payload 64 --seconds 60",
        "mqtt trace start site-b --address '10.20.*' --bytes-max 1000000",
      ],
      faultOf: (_args, flags) =>
        KINDS.filter((kind) => flags[kind] !== undefined).length === 1 ? null : 'give one of --client, --topic and --address',
      run: (call, [name], flags) => {
        const kind = KINDS.find((one) => flags[one] !== undefined) ?? 'client';
        const { seconds, bytesMax, payload: payloadBytesMax } = flags;
        const ask: TraceStartAsk = { name, kind, value: flags[kind] ?? '', tenant: flags.tenant, seconds, bytesMax, payloadBytesMax };
        return tellDone(call, TRACE_START, ask);
      },
    }),
    verb<LimitFlag>({
      verb: 'list',
      summary: 'List traces, those that run and those that ended',
      args: [],
      options: [limit()],
      examples: ['mqtt trace list', 'mqtt trace list --limit 10', 'mqtt trace list -o json'],
      run: (call, _args, { limit: count }) =>
        showList(call, TRACE_LIST, { after: '', limit: count }, ['NAME', 'OF', '>SIZE', 'CHANGED', 'ENDS', '>LOST'], (row) => [
          row.name,
          row.isRunning ? row.of : '-',
          bytesText(row.bytes),
          secondText(row.changedAtMs),
          row.endsAtMs === null ? 'ended' : secondText(row.endsAtMs),
          String(row.lost),
        ]),
    }),
    verb<object>({
      verb: 'stop',
      summary: 'End a trace; what it has stays',
      args: ['<name>'],
      options: [],
      examples: ['mqtt trace stop why-silent', 'mqtt trace stop commands', 'mqtt trace stop site-b -o json'],
      run: (call, [name]) => tellDone(call, TRACE_STOP, { name }),
    }),
    verb<object>({
      verb: 'download',
      summary: 'Write a trace to standard output',
      args: ['<name>'],
      options: [],
      examples: [
        'mqtt trace download why-silent',
        'mqtt trace download why-silent > why-silent.log',
        'mqtt trace download commands | less',
      ],
      run: async ({ node, terminal }, [name]) => {
        let offset: number | null = 0;
        while (offset !== null && !terminal.signal.aborted) {
          const page: { readonly base64: string; readonly next: number | null } = await node.put(TRACE_READ, { name, offset });
          await terminal.out(Buffer.from(page.base64, 'base64').toString('latin1'));
          offset = page.next;
        }
        return EXIT.ok;
      },
    }),
    verb<YesFlag>({
      verb: 'delete',
      summary: 'Delete a trace that ended',
      args: ['<name>'],
      options: [yes()],
      examples: ['mqtt trace delete why-silent', 'mqtt trace delete why-silent --yes', 'mqtt trace delete commands --yes -o json'],
      run: async (call, [name], flags) => {
        await confirm(call.terminal, flags.yes === true, `Delete the trace "${name}"?`);
        return await tellDone(call, TRACE_DELETE, { name });
      },
    }),
  ],
};

import { SESSION_END, SESSION_LIST, SESSION_PAGE, type SessionPage, type SessionRow } from '../../admin/questions/mqtt-sessions.js';
import { formatDuration } from '../../settings/units.js';
import { EXIT } from '../command-line.js';
import { SESSIONS_MAX } from '../control-wire.js';
import { bytesText, columns, facts, numberText, secondText } from './columns.js';
import { warnOfSilence } from './node-client.js';
import { type Call, counted, json } from './stream-verbs.js';
import { confirm } from './terminal.js';

export async function listSessions({ action, node, form, terminal }: Call<'session-list'>): Promise<number> {
  const { limit, match } = action;
  const sessions: SessionRow[] = [];
  const silent = new Set<number>();
  let total = 0;
  while (sessions.length < limit) {
    const wanted = Math.min(limit - sessions.length, SESSIONS_MAX);
    const answer = await node.ask({ verb: 'session-list', after: sessions.at(-1)?.key ?? '', limit: wanted, match }, SESSION_LIST);
    sessions.push(...answer.sessions);
    total = answer.total;
    for (const shard of answer.silent) silent.add(shard);
    if (answer.sessions.length < wanted || terminal.signal.aborted) break;
  }
  if (form === 'json') await terminal.out(json({ sessions, total, silent: [...silent] }));
  else {
    const head = ['CLIENT ID', 'TENANT', 'STATE', 'SINCE', '>SHARD', '>SUBSCRIPTIONS', '>WAITING', '>IN FLIGHT', 'EXPIRY'];
    await terminal.out(columns(head, sessions.map(rowOf)));
    if (sessions.length < total) terminal.err(`${numberText(sessions.length)} of ${counted(total, 'session')}; --limit shows more\n`);
  }
  return warnOfSilence(terminal, { silent: [...silent] }) ? EXIT.failure : EXIT.ok;
}

export async function showSession({ action, node, form, terminal }: Call<'session-show'>): Promise<number> {
  const answer = await node.ask({ verb: 'session-show', clientId: action.clientId }, SESSION_PAGE);
  await terminal.out(form === 'json' ? json(answer) : pageText(answer.session));
  return warnOfSilence(terminal, answer) ? EXIT.failure : EXIT.ok;
}

export async function deleteSession({ action, node, form, terminal }: Call<'session-delete'>): Promise<number> {
  const { clientId, isConfirmed } = action;
  const { session } = await node.ask({ verb: 'session-show', clientId }, SESSION_PAGE);
  const what = session.state === 'away' ? 'the session' : 'the session, and the connection,';
  await confirm(terminal, isConfirmed, `End ${what} of "${session.clientId}"? ${counted(session.waiting, 'message')} that wait are lost.`);
  const answer = await node.ask({ verb: 'session-delete', clientId }, SESSION_END);
  await terminal.out(form === 'json' ? json(answer) : `ended the session of "${session.clientId}"\n`);
  return EXIT.ok;
}

function rowOf(session: SessionRow): string[] {
  const { clientId, tenant, state, sinceMs, shard, subscriptions, inFlight } = session;
  return [
    clientId === '' ? '""' : clientId,
    tenant,
    state,
    secondText(sinceMs),
    String(shard),
    String(subscriptions),
    waitingText(session),
    numberText(inFlight),
    expiryText(session),
  ];
}

function pageText(session: SessionPage): string {
  const { clientId, tenant, state, sinceMs, shard, version, isDurable, inFlight, queuedBytes, filters, cursors, will, counters } = session;
  const page = facts([
    ['Client', clientId],
    ['Tenant', tenant],
    ['State', `${state} since ${secondText(sinceMs)}`],
    ['Shard', String(shard)],
    ['Protocol', version === 5 ? 'MQTT 5.0' : 'MQTT 3.1.1 or older'],
    ['Expiry', expiryText(session)],
    ['Durable', isDurable ? 'yes' : 'no'],
    ['Waiting', `${waitingText(session)} (${bytesText(queuedBytes)} of them in memory)`],
    ['In flight', numberText(inFlight)],
    [
      'Will',
      will === null
        ? 'none'
        : `${will.topic} (QoS ${will.qos}${will.retain ? ', retained' : ''}, ${bytesText(will.bytes)}, delay ${will.delaySeconds} s)`,
    ],
    ...Object.entries(counters).map(([name, value]): [string, string] => [name[0].toUpperCase() + name.slice(1), numberText(value)]),
  ]);
  const subscriptions = columns(
    ['FILTER', '>QOS'],
    filters.map(({ filter, options }) => [filter, String(options.qos)]),
  );
  const positions = columns(
    ['>GROUP', '>SHARD', '>FLOOR', '>NEXT', '>TAKEN', 'MODE'],
    cursors.map(({ group, owner, floor, next, taken, isLive }) => [
      ...[group, owner, floor, next, taken].map(String),
      isLive ? 'live' : 'pulls',
    ]),
  );
  return `${page}${filters.length === 0 ? '' : `\n${subscriptions}`}${cursors.length === 0 ? '' : `\n${positions}`}`;
}

function waitingText({ waiting, waitsMore }: SessionRow): string {
  return `${numberText(waiting)}${waitsMore ? '+' : ''}`;
}

function expiryText({ expirySeconds, endsAtMs }: SessionRow): string {
  if (endsAtMs !== null) return `ends ${secondText(endsAtMs)}`;
  if (expirySeconds === null) return 'never';
  return expirySeconds === 0 ? 'with its connection' : `${formatDuration(expirySeconds * 1000)} after its connection`;
}

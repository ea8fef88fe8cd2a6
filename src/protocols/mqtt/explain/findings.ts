import type { ExplainedSession, Explanation, MatchingSubscription } from './explain.js';

/*
  What an explanation comes to, in sentences: first what keeps every message of the topic from the client, then what may keep some of them.
  A verdict `no` means that nothing published to the topic now reaches it, now or later.
*/

export interface Findings {
  readonly verdict: 'yes' | 'partly' | 'later' | 'no';
  readonly sentences: readonly string[];
}

export interface FindingsAsk {
  readonly clientId: string;
  readonly topic: string;
  readonly session: ExplainedSession | null;
  readonly rewritten: string | null;
  readonly log: Explanation['log'];
  readonly now: number;
}

export function findingsOf({ clientId, topic, session, rewritten, log, now }: FindingsAsk): Findings {
  const renamed = renamedSentences(topic, rewritten);
  if (session === null)
    return {
      verdict: 'no',
      sentences: [...renamed, `There is no session of "${clientId}": it has none, or its session ended. Nothing is kept for it.`],
    };
  const { matching, subscriptions } = session;
  if (matching.length === 0) {
    const which =
      subscriptions === 0 ? 'It has no subscription.' : `None of its ${counted(subscriptions, 'subscription')} matches "${topic}".`;
    return { verdict: 'no', sentences: [...renamed, which] };
  }
  const matches = matching.map(matchSentence);
  if (!session.mayReceive)
    return { verdict: 'no', sentences: [...renamed, ...matches, `The rules keep messages of "${topic}" from it: ${session.rule}.`] };
  const qosMax = Math.max(...matching.map(({ qos }) => qos));
  const state = session.state === 'connected' ? connectedFindings(session, qosMax) : awayFindings(session, qosMax, log, now);
  const some = [...matching.flatMap(partSentences), ...lossSentences(session)];
  const verdict = state.verdict === 'yes' && (some.length > 0 || rewritten !== null) ? 'partly' : state.verdict;
  return { verdict, sentences: [...renamed, ...matches, ...state.sentences, ...some] };
}

function connectedFindings(session: ExplainedSession, qosMax: number): Findings {
  const { isCongested, outputBytes, room, inFlight, queued } = session;
  const sentences: string[] = [];
  if (isCongested)
    sentences.push(
      `It takes less than it is sent: ${counted(outputBytes, 'byte')} wait for its socket. Until it has caught up QoS 0 is dropped, and QoS 1 and 2 wait.`,
    );
  if (qosMax > 0 && room === 0)
    sentences.push(`As many messages are in flight to it as may be (${inFlight}): QoS 1 and 2 wait until it acknowledges some.`);
  if (queued > 0) sentences.push(`${counted(queued, 'message')} wait for it in memory.`);
  if (sentences.length === 0)
    return { verdict: 'yes', sentences: ['It is connected, and nothing holds it up: a message published now goes out at once.'] };
  return { verdict: qosMax > 0 ? 'later' : 'partly', sentences: ['It is connected.', ...sentences] };
}

function awayFindings(session: ExplainedSession, qosMax: number, log: Explanation['log'], now: number): Findings {
  const { endsAtMs, isDurable, matching, place } = session;
  const until = endsAtMs === null ? 'it never ends by itself' : `it ends in ${Math.max(0, Math.ceil((endsAtMs - now) / 1000))} s`;
  const away = session.state === 'away' ? `Its client is away; its session stays, and ${until}.` : 'Its client is just connecting.';
  if (qosMax === 0)
    return { verdict: 'no', sentences: [away, 'Its subscription was granted QoS 0: nothing is kept for a client that is away.'] };
  const sentences = [away, 'Messages of QoS 0 are not kept for a client that is away; QoS 1 and 2 are.'];
  if (!isDurable || log === null) sentences.push('They wait in the memory of the shard, as many as mqtt.queue_messages_max says.');
  else sentences.push(`They are in the log: stream number ${log.stream}, partition ${log.partition}, group ${log.group}.`);
  if (place !== null)
    sentences.push(
      `There it has everything before number ${place.next}; ${counted(place.taken, 'message')} of it are taken and not acknowledged.`,
    );
  if (matching.every(({ group }) => group !== '')) sentences.push('By a shared subscription others get them while it is away.');
  return { verdict: 'later', sentences };
}

function renamedSentences(topic: string, rewritten: string | null): string[] {
  if (rewritten === null) return [];
  if (rewritten === '') return [`A rule of topic rewrite refuses publishes to "${topic}".`];
  return [`A publish to "${topic}" becomes one to "${rewritten}" by a rule of topic rewrite: ask about that topic.`];
}

function matchSentence({ filter, qos }: MatchingSubscription): string {
  return `Its subscription "${filter}" with QoS ${qos} matches.`;
}

/** What an option keeps from it. */
function partSentences({ filter, group, noLocal }: MatchingSubscription): string[] {
  const sentences: string[] = [];
  if (group !== '') sentences.push(`"${filter}" is shared: each message goes to one member of the group "${group}".`);
  if (noLocal) sentences.push(`"${filter}" has No Local: what the client publishes itself does not come back to it.`);
  return sentences;
}

function lossSentences({ drops, gap }: ExplainedSession): string[] {
  const lost = drops.map(({ count, sentence, lastAtMs, settings }) => {
    const cure = settings.length === 0 ? '' : ` See ${settings.join(', ')}.`;
    return `It lost ${counted(count, 'message')}, the last at ${new Date(lastAtMs).toISOString()}: ${sentence}.${cure}`;
  });
  if (gap > 0) lost.push(`${counted(gap, 'message')} of the log went by before it could take them: retention, or the limits of its queue.`);
  return lost;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

import { createHash } from 'node:crypto';

/*
  Lines of the audit log. Each is a JSON object on one line, and its last two fields tie it to the line before:

    {"seq":7,"time":"2026-03-01T12:00:00.000Z","event":"ban.added",...,"previous":"<hash of line 6>","hash":"<hash of this line>"}

  The hash is SHA-256, in hex, of the line as it would be without `hash`. So nothing in the middle can be changed, added or taken out
  unseen by whoever keeps a later hash; what was cut off at the end is seen by whoever keeps the last one.
*/

/** What is before the first line. */
export const FIRST_HASH: string = '0'.repeat(64);

export interface AuditLink {
  readonly seq: number;
  readonly hash: string;
}

export interface AuditFault {
  /** From 1. */
  readonly line: number;
  readonly why: string;
}

export interface ChainCheck {
  readonly lines: number;
  /** Of the last line that is well; null: there is none. */
  readonly last: AuditLink | null;
  readonly fault: AuditFault | null;
}

/** @param fields plain data; none is called seq, time, event, previous or hash. */
export function lineOf(
  before: AuditLink | null,
  timeMs: number,
  event: string,
  fields: object,
): { readonly text: string; readonly link: AuditLink } {
  const seq = (before?.seq ?? 0) + 1;
  const body = { seq, time: new Date(timeMs).toISOString(), event, ...fields, previous: before?.hash ?? FIRST_HASH };
  const hash = hashOf(JSON.stringify(body));
  return { text: JSON.stringify({ ...body, hash }), link: { seq, hash } };
}

/** @param before the last line of the file before; null: whatever the first line says is taken for it. */
export function checkChain(text: string, before: AuditLink | null): ChainCheck {
  let last = before;
  let lines = 0;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    lines += 1;
    const link = linkOf(line, last);
    if (typeof link === 'string') return { lines, last, fault: { line: lines, why: link } };
    last = link;
  }
  return { lines, last, fault: null };
}

/** The line's place in the chain, or what is wrong with it. */
function linkOf(line: string, before: AuditLink | null): AuditLink | string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return 'it is no JSON: it was changed, or not written to its end';
  }
  if (typeof parsed !== 'object' || parsed === null) return 'it is no record';
  const { hash, ...body } = parsed as Readonly<Record<string, unknown>>;
  if (typeof hash !== 'string' || typeof body.seq !== 'number') return 'it has no place in the chain';
  if (hashOf(JSON.stringify(body)) !== hash) return 'it is not what was written';
  if (before !== null && body.previous !== before.hash) return 'the line before it is another one, or is missing';
  if (before !== null && body.seq !== before.seq + 1) return 'its number does not follow';
  return { seq: body.seq, hash };
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

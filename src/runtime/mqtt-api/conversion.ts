import type { Page } from '../../admin/questions/question.js';

/*
  Between messages of robustmq.v1.Mqtt and questions of admin/questions. Fields have the same names in both, but for pages and revisions; what a
  question has as null, a message does not have.
*/

/** What every list has. */
export interface ListTail {
  readonly nextPageToken: string;
  readonly silentShards: readonly number[];
}

/** Of a request: what is asked, as far as it was given. The form of the question judges it. */
export function given(request: object): Record<string, unknown> {
  const ask: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(request)) {
    if (value === undefined || (name === 'tenant' && value === '')) continue;
    if (name === 'pageSize') {
      if (value !== 0) ask.limit = value;
    } else if (name === 'pageToken') ask.after = value;
    else if (name === 'expectedRevision') ask.expected = value;
    else ask[name] = value;
  }
  return ask;
}

/** Without nulls. */
export type Filled<T> = { readonly [K in keyof T]: null extends T[K] ? Exclude<T[K], null> | undefined : T[K] };

export function filled<T extends object>(row: T): Filled<T> {
  // The mapped type says just this of each field.
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, value ?? undefined])) as Filled<T>;
}

export function tailOf({ next, silent }: Pick<Page<unknown>, 'next' | 'silent'>): ListTail {
  return { nextPageToken: next ?? '', silentShards: silent };
}

/** @param numbers of an enumeration, as ts-proto makes it: `{ UNSPECIFIED: 0, CLIENT: 1 }`. */
export function numberOf<W extends string, T extends Readonly<Record<Uppercase<W>, number>>>(numbers: T, word: W): T[Uppercase<W>] {
  return numbers[word.toUpperCase() as Uppercase<W>]; // The library types upper case for constants alone.
}

/** @returns undefined: none was given. A number that stands for nothing becomes a word that no question takes. */
export function wordOf(numbers: Readonly<Record<string, number>>, number: number): string | undefined {
  const name = Object.keys(numbers).find((key) => numbers[key] === number);
  return name === 'UNSPECIFIED' ? undefined : (name ?? `number ${number}`).toLowerCase();
}

import { z } from 'zod';

/*
  The questions that operators put to a running node. Each is written down once, and serves every way in:

    robust-ctl --control socket--+
    programs   --HTTP /api/v1----+--> checked by `asks` --> main: its answer (runtime/answers) --> shards, catalogue
    programs   --gRPC------------+

  All of them are in `catalogue.ts`; `runtime/answers/all-answers.ts` has an answer for each, or the node does not compile its list.
*/

/** Where a question is asked over HTTP: below /api/v1, with fields of the question in braces. Other fields are the query of GET and DELETE, else the body. */
export interface HttpPlace {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** `/mqtt/clients/{clientId}` */
  readonly path: string;
}

/** A: what is asked, checked and with its defaults. R: what is answered, as JSON. */
export interface Question<A extends object, R extends object> {
  /** `mqtt-client-list` */
  readonly name: string;
  /** One sentence, for documentation. */
  readonly summary: string;
  readonly asks: z.ZodType<A>;
  /** As far as somebody looks at it: what a later server adds goes through. */
  readonly answers: z.ZodType<R>;
  /** Null: not over HTTP. */
  readonly http: HttpPlace | null;
}

/** Any of them, where their forms do not matter. */
export interface AnyQuestion {
  readonly name: string;
  readonly summary: string;
  readonly asks: z.ZodType;
  readonly answers: z.ZodType;
  readonly http: HttpPlace | null;
}

/** Longest page of a list. */
export const PAGE_MAX = 1000;
/** Of a page that nobody gave a length. */
export const PAGE_DEFAULT = 50;

/** Of a list: which page. */
export interface PageAsk {
  /** `next` of the page before; empty: the first. */
  readonly after: string;
  readonly limit: number;
}

export const pageAsk: { readonly after: z.ZodType<string>; readonly limit: z.ZodType<number> } = {
  after: z.string().max(100_000).default('').describe('`next` of the page before'),
  limit: z.int().min(1).max(PAGE_MAX).default(PAGE_DEFAULT).describe('Rows of a page'),
};

/** A page of a list. It may have fewer rows than were asked for, or none, and yet not be the last. */
export interface Page<Row> {
  readonly items: readonly Row[];
  /** Where to go on; null: this is the last. */
  readonly next: string | null;
  /** Numbers of shards that did not answer: what they have is missing. */
  readonly silent: readonly number[];
}

export function pageOf<Row>(row: z.ZodType<Row>): z.ZodType<Page<Row>> {
  return z.looseObject({ items: z.array(row), next: z.string().nullable(), silent: z.array(z.int()) });
}

/** Of what was changed: a sentence. */
export interface Done {
  readonly text: string;
}

export const DONE: z.ZodType<Done> = z.looseObject({ text: z.string() });

/** The tenant of who names none. */
export const tenantAsk: z.ZodType<string> = z.string().min(1).max(255).default('default').describe('Tenant');

import { z } from 'zod';
import { DONE, type Done, type Page, type PageAsk, pageAsk, pageOf, type Question } from './question.js';

/*
  Resources of the catalogue: lists, and what is written and deleted whole. Every kind is asked for alike. What a value must be like beyond its
  form is judged by the catalogue itself.
*/

/** With the revision of the catalogue that it has had since. */
export type Kept<V> = V & { readonly revision: number };

export interface ResourceListAsk extends PageAsk {
  /** Empty: of all tenants. */
  readonly tenant: string;
  /** Names that begin so. */
  readonly prefix: string;
}

/** Only if the resource has this revision: 0: there is none yet. Null: whatever there is. */
export interface Expecting {
  readonly expected: number | null;
}

export interface ResourceQuestions<V extends object, K extends object> {
  readonly list: Question<ResourceListAsk, Page<Kept<V>>>;
  readonly put: Question<V & Expecting, Done>;
  readonly delete: Question<K & Expecting, Done>;
}

export interface ResourcePlan<V extends object, K extends object> {
  /** `acl-rule`: questions are `mqtt-acl-rule-list`, ... */
  readonly noun: string;
  /** For sentences: `rules of access`. */
  readonly plural: string;
  /** Of the list; one resource is below it, by `keyPath`: `/{name}`. */
  readonly path: string;
  readonly keyPath: string;
  readonly value: Readonly<Record<keyof V, z.ZodType>>;
  readonly key: Readonly<Record<keyof K, z.ZodType>>;
}

const expected = z.int().min(0).nullable().default(null).describe('Only if it has this revision; 0: only if there is none');

/** What is asked about one kind. V and K are what the forms of the plan say. */
export function resourceQuestions<V extends object, K extends object>(plan: ResourcePlan<V, K>): ResourceQuestions<V, K> {
  const { noun, plural, path, keyPath } = plan;
  // The compiler does not follow a record of forms to the object they make; the test of the catalogue has an example of each kind.
  const asksPut: z.ZodType<unknown> = z.strictObject({ ...plan.value, expected });
  const asksDelete: z.ZodType<unknown> = z.strictObject({ ...plan.key, expected });
  const row: z.ZodType<unknown> = z.looseObject({ ...plan.value, revision: z.int() });
  return {
    list: {
      name: `mqtt-${noun}-list`,
      summary: `Lists ${plural}, by tenant and name`,
      asks: z.strictObject({
        ...pageAsk,
        tenant: z.string().max(255).default('').describe('Only of this tenant'),
        prefix: z.string().max(255).default('').describe('Names that begin so'),
      }),
      answers: pageOf(row as z.ZodType<Kept<V>>),
      http: { method: 'GET', path },
    },
    put: {
      name: `mqtt-${noun}-put`,
      summary: `Writes one of the ${plural}, whether it is there or not`,
      asks: asksPut as z.ZodType<V & Expecting>,
      answers: DONE,
      http: { method: 'PUT', path: path + keyPath },
    },
    delete: {
      name: `mqtt-${noun}-delete`,
      summary: `Deletes one of the ${plural}`,
      asks: asksDelete as z.ZodType<K & Expecting>,
      answers: DONE,
      http: { method: 'DELETE', path: path + keyPath },
    },
  };
}

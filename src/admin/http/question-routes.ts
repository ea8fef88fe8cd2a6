import { z } from 'zod';
import type { AnyQuestion, HttpPlace } from '../questions/question.js';

/*
  From a request to what is asked: fields in the path, then those of the query (GET and DELETE) or of the body. What comes in path and query is text;
  the form of the question says what it is meant to be.
*/

export const API_PREFIX = '/api/v1';

export interface QuestionRoute {
  readonly question: AnyQuestion;
  readonly http: HttpPlace;
  /** As fastify writes it: `/api/v1/mqtt/clients/:clientId`. */
  readonly url: string;
  /** Whether fields beside those of the path are in the body. */
  readonly hasBody: boolean;
  /** JSON schemas of the fields that are asked. */
  readonly fields: Readonly<Record<string, FieldSchema>>;
  readonly required: readonly string[];
}

export type FieldSchema = z.core.JSONSchema.BaseSchema;

export function routesOf(questions: readonly AnyQuestion[]): readonly QuestionRoute[] {
  return questions.flatMap((question) => {
    const { http, asks } = question;
    if (http === null) return [];
    const schema = z.toJSONSchema(asks, { io: 'input', unrepresentable: 'any' });
    const fields = Object.fromEntries(
      Object.entries(schema.properties ?? {}).flatMap(([name, field]) => (typeof field === 'object' ? [[name, field] as const] : [])),
    );
    return [
      {
        question,
        http,
        url: API_PREFIX + http.path.replace(/\{(\w+)\}/g, ':$1'),
        hasBody: http.method === 'POST' || http.method === 'PUT',
        fields,
        required: schema.required ?? [],
      },
    ];
  });
}

/** Names of the fields in a path. */
export function pathFields(path: string): readonly string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
}

/** What is asked, as far as it was given; the form of the question judges it. */
export function askOf(
  { hasBody, fields }: QuestionRoute,
  params: Readonly<Record<string, string>>,
  query: Readonly<Record<string, unknown>>,
  body: unknown,
): object {
  const given = hasBody && typeof body === 'object' && body !== null ? body : {};
  const texts = hasBody ? params : { ...query, ...params };
  return { ...given, ...Object.fromEntries(Object.entries(texts).map(([name, value]) => [name, typed(value, fields[name])])) };
}

function typed(value: unknown, schema: FieldSchema | undefined): unknown {
  if (typeof value !== 'string' || schema === undefined) return value;
  const { type } = schema;
  const isNumber = type === 'integer' || type === 'number' || isOneOf(schema, 'number') || isOneOf(schema, 'integer');
  if (isNumber && /^-?\d+(\.\d+)?$/.test(value)) return Number(value);
  if (type === 'boolean' || isOneOf(schema, 'boolean')) return value === 'true' ? true : value === 'false' ? false : value;
  return value;
}

/** `expected` is a number or null; `qos` is one of three numbers. */
function isOneOf({ anyOf, enum: values }: FieldSchema, type: string): boolean {
  if (values?.some((value) => typeof value === type)) return true;
  return anyOf?.some((choice) => typeof choice === 'object' && choice.type === type) ?? false;
}

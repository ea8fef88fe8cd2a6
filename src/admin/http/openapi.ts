import { z } from 'zod';
import { PROBLEM_TYPE } from './problem.js';
import { API_PREFIX, pathFields, type QuestionRoute } from './question-routes.js';

/** The API as OpenAPI 3.1, from the forms of its questions: what is checked is what is documented. */
export function openApi(routes: readonly QuestionRoute[], version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const path = API_PREFIX + route.http.path;
    paths[path] ??= {};
    paths[path][route.http.method.toLowerCase()] = operationOf(route);
  }
  return {
    openapi: '3.1.0',
    info: { title: 'RobustMQ', version, description: 'What operators and their programs ask of a node' },
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: {
        Problem: {
          type: 'object',
          description: 'RFC 9457',
          properties: {
            type: { type: 'string' },
            title: { type: 'string' },
            status: { type: 'integer' },
            detail: { type: 'string' },
            code: { type: 'string', description: 'RMQ-..., or empty' },
            hint: { type: 'string', description: 'What helps' },
          },
          required: ['type', 'title', 'status', 'detail', 'code', 'hint'],
        },
      },
    },
    security: [{ token: [] }],
  };
}

function operationOf({ question, http, hasBody, fields, required }: QuestionRoute): object {
  const inPath = pathFields(http.path);
  const others = Object.entries(fields).filter(([name]) => !inPath.includes(name));
  const parameters = [
    ...inPath.map((name) => ({ name, in: 'path', required: true, schema: fields[name] ?? { type: 'string' } })),
    ...(hasBody ? [] : others.map(([name, schema]) => ({ name, in: 'query', required: required.includes(name), schema }))),
  ];
  const body = {
    type: 'object',
    properties: Object.fromEntries(others),
    required: required.filter((name) => !inPath.includes(name)),
    additionalProperties: false,
  };
  return {
    operationId: question.name,
    summary: question.summary,
    parameters,
    ...(hasBody ? { requestBody: { required: true, content: { 'application/json': { schema: body } } } } : {}),
    responses: {
      200: {
        description: 'Done, or what was asked for',
        content: { 'application/json': { schema: z.toJSONSchema(question.answers, { unrepresentable: 'any' }) } },
      },
      default: { description: 'It was not done', content: { [PROBLEM_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } } },
    },
  };
}

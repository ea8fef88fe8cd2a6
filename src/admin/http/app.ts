import type { RequestListener, Server } from 'node:http';
import fastify, { type FastifyHttpOptions, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { BrokerError } from '../../base/errors.js';
import type { Logger } from '../../base/logger.js';
import { EXPOSITION_TYPE } from '../../telemetry/metrics/exposition.js';
import type { AdminAccess } from '../ports.js';
import { QUESTIONS } from '../questions/catalogue.js';
import type { AccessToken } from './access-token.js';
import { group, type HealthAnswer, live, oneCheck, ready, started } from './health.js';
import { metricsPage } from './metrics-page.js';
import { openApi } from './openapi.js';
import { PROBLEM_TYPE, problem, problemOf } from './problem.js';
import { askOf, routesOf } from './question-routes.js';

/*
  The HTTP port of a node that serves. Loaded with the first request, so that the start does not wait for it.

    /metrics      for whoever the settings let, and with the token
    /health/...   for everybody, in one word; with the token and ?verbose in sentences
    /api/...      with the token alone
*/

/** Largest body: a message with its payload as base64. */
const BODY_BYTES_MAX = 4 * 1024 * 1024;
/** A topic has up to 65,535 bytes, each of which may be written as %xx. */
const PARAMETER_LENGTH_MAX = 200_000;
const REQUEST_MS_MAX = 30_000;
const NODE_CHECKS = ['shards', 'journal', 'descriptors'];
const CLUSTER_CHECKS = ['metadata'];

export interface AdminAppOptions {
  readonly access: AdminAccess;
  readonly token: AccessToken;
  readonly metrics: 'loopback' | 'anybody' | 'nobody';
  readonly log: Logger;
  /** Who has the port. Null: requests come from `inject`, in tests. */
  readonly server: Server | null;
  /** Is given what takes the requests of that server. */
  readonly onRequests: (listener: RequestListener) => void;
}

export async function openAdminApp({ access, token, metrics, log, server, onRequests }: AdminAppOptions): Promise<FastifyInstance> {
  const options: FastifyHttpOptions<Server> = {
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_MS_MAX,
    routerOptions: { maxParamLength: PARAMETER_LENGTH_MAX },
  };
  if (server !== null)
    options.serverFactory = (onRequest) => {
      onRequests(onRequest);
      return server;
    };
  const app = fastify<Server>(options);
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, body === '' ? null : JSON.parse(String(body))); // Nothing is asked for with a body that is empty.
    } catch (error) {
      done(Object.assign(new Error('the body is no JSON', { cause: error }), { statusCode: 400 }), undefined);
    }
  });
  const admits = (request: FastifyRequest): boolean => token.admits(request.headers.authorization);
  app.setErrorHandler((error, request, reply) => {
    const told = problemOf(error);
    if (told.status >= 500 && !(error instanceof BrokerError))
      log.error('http.failed', 'a request failed by a fault of ours', { error, url: request.routeOptions.url });
    return reply.code(told.status).type(PROBLEM_TYPE).send(told);
  });
  app.setNotFoundHandler((_request, reply) =>
    reply
      .code(404)
      .type(PROBLEM_TYPE)
      .send(problem(404, 'not found', 'there is nothing here; /api/openapi.json says what there is')),
  );
  app.addHook('onRequest', async (request) => {
    if (request.url.startsWith('/api/') && !admits(request)) throw notAuthenticated();
  });
  addHealth(app, access, admits);
  app.get('/metrics', async (request, reply) => {
    const isOpen = metrics === 'anybody' || (metrics === 'loopback' && isLoopback(request.socket.remoteAddress));
    if (!isOpen && !admits(request)) throw notAuthenticated();
    return reply.type(EXPOSITION_TYPE).send(metricsPage(access));
  });
  const routes = routesOf(QUESTIONS);
  for (const route of routes) {
    const { url, http, question } = route;
    app.route<{ Params: Record<string, string>; Querystring: Record<string, unknown> }>({
      method: http.method,
      url,
      handler: (request) => access.ask(question.name, askOf(route, request.params, request.query, request.body), `http ${request.ip}`),
    });
  }
  app.get('/api/openapi.json', async () => openApi(routes, access.version));
  await app.ready();
  return app;
}

function addHealth(app: FastifyInstance, access: AdminAccess, admits: (request: FastifyRequest) => boolean): void {
  const add = (url: string, look: (isVerbose: boolean, name: string) => HealthAnswer): void => {
    app.get<{ Params: { name?: string }; Querystring: { verbose?: string } }>(url, async (request, reply: FastifyReply) => {
      const isVerbose = request.query.verbose !== undefined && admits(request);
      const { status, body } = look(isVerbose, request.params.name ?? '');
      return reply.code(status).send(body);
    });
  };
  add('/health/live', () => live());
  add('/health/startup', () => started(true));
  add('/health/ready', (isVerbose) => ready(access, isVerbose));
  add('/health/node', (isVerbose) => group(access, NODE_CHECKS, isVerbose));
  add('/health/cluster', (isVerbose) => group(access, CLUSTER_CHECKS, isVerbose));
  add('/health/checks/:name', (isVerbose, name) => oneCheck(access, name, isVerbose));
}

function notAuthenticated(): BrokerError {
  return new BrokerError('RMQ-1032', '(HTTP needs `Authorization: Bearer <token>`)', {
    cure: 'Give http.token; without one in the settings it is in data_path/secrets/http-token',
  });
}

function isLoopback(address: string | undefined): boolean {
  return address !== undefined && (address === '::1' || /^(::ffff:)?127\./.test(address));
}

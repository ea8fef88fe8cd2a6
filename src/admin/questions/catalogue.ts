import { ALARM_LIST } from './alarms.js';
import { ACL_RULES, BANS, USER_DELETE, USER_LIST, USER_PUT } from './mqtt-access.js';
import { ACCESS_TEST } from './mqtt-access-test.js';
import { CLIENT_DISCONNECT, CLIENT_LIST, CLIENT_SHOW } from './mqtt-clients.js';
import { DELAYED_CANCEL, DELAYED_CLEAR, DELAYED_LIST } from './mqtt-delayed.js';
import { EXPLAIN } from './mqtt-explain.js';
import { PUBLISH } from './mqtt-messages.js';
import { RETAINED_CLEAR, RETAINED_DELETE, RETAINED_LIST, RETAINED_SHOW } from './mqtt-retained.js';
import { AUTO_SUBSCRIPTIONS, TENANTS, TOPIC_REWRITES } from './mqtt-rules.js';
import { SESSION_DELETE, SESSION_SHOW, SESSIONS } from './mqtt-sessions.js';
import { SHARED_GROUPS } from './mqtt-shared.js';
import { SLOW_LIST } from './mqtt-slow.js';
import { SUBSCRIPTION_ADD, SUBSCRIPTION_LIST, SUBSCRIPTION_REMOVE } from './mqtt-subscriptions.js';
import { TRACE_DELETE, TRACE_LIST, TRACE_READ, TRACE_START, TRACE_STOP } from './mqtt-traces.js';
import type { AnyQuestion } from './question.js';

/** Every question there is. Add yours here, and its answer to runtime/answers/all-answers.ts. */
export const QUESTIONS: readonly AnyQuestion[] = [
  ...[EXPLAIN, SLOW_LIST, ALARM_LIST],
  ...[TRACE_START, TRACE_LIST, TRACE_READ, TRACE_STOP, TRACE_DELETE],
  ...[CLIENT_LIST, CLIENT_SHOW, CLIENT_DISCONNECT],
  ...[SESSIONS, SESSION_SHOW, SESSION_DELETE],
  ...[SUBSCRIPTION_LIST, SUBSCRIPTION_ADD, SUBSCRIPTION_REMOVE, SHARED_GROUPS],
  ...[DELAYED_LIST, DELAYED_CANCEL, DELAYED_CLEAR],
  ...[RETAINED_LIST, RETAINED_SHOW, RETAINED_DELETE, RETAINED_CLEAR],
  PUBLISH,
  ...[USER_LIST, USER_PUT, USER_DELETE, ACCESS_TEST],
  ...[ACL_RULES, BANS, TOPIC_REWRITES, AUTO_SUBSCRIPTIONS, TENANTS].flatMap(({ list, put, delete: gone }) => [list, put, gone]),
];

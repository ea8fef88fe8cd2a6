import type { MqttContext } from '../context.js';
import { explain } from '../explain/explain.js';
import { listSlow } from '../slow/slow-subscriptions.js';
import { testAccess } from './access.js';
import { disconnectClient, listClients, showClient } from './clients.js';
import { cancelDelayed, clearDelayed, listDelayed } from './delayed.js';
import { publishByOperator } from './publish.js';
import { deleteRetained, listRetained, showRetained } from './retained.js';
import { listSharedGroups } from './shared-groups.js';
import { addSubscription, listSubscriptions, removeSubscription } from './subscriptions.js';

/*
  What main asks the MQTT engine of a shard for operators. Each is a function of the context and of plain data, which answers with plain data, at
  once or later; it runs in a turn of its own, so it may change things. Add yours here, and whoever knows main can ask it.
*/
export interface OperatorQuestions {
  readonly clients: typeof listClients;
  readonly client: typeof showClient;
  readonly 'disconnect-client': typeof disconnectClient;
  readonly subscriptions: typeof listSubscriptions;
  readonly 'add-subscription': typeof addSubscription;
  readonly 'remove-subscription': typeof removeSubscription;
  readonly 'shared-groups': typeof listSharedGroups;
  readonly delayed: typeof listDelayed;
  readonly 'cancel-delayed': typeof cancelDelayed;
  readonly 'clear-delayed': typeof clearDelayed;
  readonly retained: typeof listRetained;
  readonly 'retained-of': typeof showRetained;
  readonly 'delete-retained': typeof deleteRetained;
  readonly explain: typeof explain;
  readonly slow: typeof listSlow;
  readonly access: typeof testAccess;
  readonly publish: typeof publishByOperator;
}

const OPERATOR_QUESTIONS: OperatorQuestions = {
  clients: listClients,
  client: showClient,
  'disconnect-client': disconnectClient,
  subscriptions: listSubscriptions,
  'add-subscription': addSubscription,
  'remove-subscription': removeSubscription,
  'shared-groups': listSharedGroups,
  delayed: listDelayed,
  'cancel-delayed': cancelDelayed,
  'clear-delayed': clearDelayed,
  retained: listRetained,
  'retained-of': showRetained,
  'delete-retained': deleteRetained,
  explain,
  slow: listSlow,
  access: testAccess,
  publish: publishByOperator,
};

export type OperatorQuestionName = keyof OperatorQuestions;
export type OperatorAsk<N extends OperatorQuestionName> = Parameters<OperatorQuestions[N]>[1];
export type OperatorAnswer<N extends OperatorQuestionName> = Awaited<ReturnType<OperatorQuestions[N]>>;

/** Within a turn. The same build asks, in the form of the name. */
export function answerOperator(context: MqttContext, name: OperatorQuestionName, ask: unknown): unknown {
  const answer = OPERATOR_QUESTIONS[name] as (context: MqttContext, ask: unknown) => unknown;
  return answer(context, ask);
}

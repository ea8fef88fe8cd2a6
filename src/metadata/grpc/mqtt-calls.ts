import type { ServiceDefinition as Definition, UntypedServiceImplementation as Implementation } from '@grpc/grpc-js';
import { keysOf } from '../catalogue/forms.js';
import type { CallGate } from './call-gate.js';
import { brokerFailure } from './error-status.js';
import type { MqttService } from './generated/robustmq/v1/mqtt.js';
import type { MqttAccess, MqttMethod, MqttReply } from './ports.js';

/*
  robustmq.v1.Mqtt is served by main, which knows the clients: requests and answers go through here as the bytes that they are. So pages of rows
  cost this thread, whose heartbeats must not wait, next to nothing, and the code of all these messages is loaded where they are made.
*/

/** The compiler sees to it that these are the methods of the service. */
const METHODS: { readonly [M in MqttMethod]: (typeof MqttService)[M]['path'] } = {
  listClients: '/robustmq.v1.Mqtt/ListClients',
  getClient: '/robustmq.v1.Mqtt/GetClient',
  disconnectClient: '/robustmq.v1.Mqtt/DisconnectClient',
  listSessions: '/robustmq.v1.Mqtt/ListSessions',
  getSession: '/robustmq.v1.Mqtt/GetSession',
  deleteSession: '/robustmq.v1.Mqtt/DeleteSession',
  listSubscriptions: '/robustmq.v1.Mqtt/ListSubscriptions',
  addSubscription: '/robustmq.v1.Mqtt/AddSubscription',
  removeSubscription: '/robustmq.v1.Mqtt/RemoveSubscription',
  listSharedGroups: '/robustmq.v1.Mqtt/ListSharedGroups',
  publish: '/robustmq.v1.Mqtt/Publish',
  listRetained: '/robustmq.v1.Mqtt/ListRetained',
  getRetained: '/robustmq.v1.Mqtt/GetRetained',
  deleteRetained: '/robustmq.v1.Mqtt/DeleteRetained',
  clearRetained: '/robustmq.v1.Mqtt/ClearRetained',
  listDelayed: '/robustmq.v1.Mqtt/ListDelayed',
  cancelDelayed: '/robustmq.v1.Mqtt/CancelDelayed',
  clearDelayed: '/robustmq.v1.Mqtt/ClearDelayed',
  putUser: '/robustmq.v1.Mqtt/PutUser',
  testAccess: '/robustmq.v1.Mqtt/TestAccess',
  explain: '/robustmq.v1.Mqtt/Explain',
  listSlowSubscriptions: '/robustmq.v1.Mqtt/ListSlowSubscriptions',
  listAlarms: '/robustmq.v1.Mqtt/ListAlarms',
  startTrace: '/robustmq.v1.Mqtt/StartTrace',
  listTraces: '/robustmq.v1.Mqtt/ListTraces',
  readTrace: '/robustmq.v1.Mqtt/ReadTrace',
  stopTrace: '/robustmq.v1.Mqtt/StopTrace',
  deleteTrace: '/robustmq.v1.Mqtt/DeleteTrace',
};

const asIs = (bytes: Buffer): Buffer => bytes;

/** The service as it is served here: of bytes. */
export const MQTT_DEFINITION: Definition = byMethod((method) => ({
  path: METHODS[method],
  requestStream: false,
  responseStream: false,
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
}));

export function mqttCalls(access: MqttAccess, gate: CallGate): Implementation {
  return byMethod((method) =>
    gate.unary<Buffer, Buffer>(async (request, { by }) => {
      const reply = await new Promise<MqttReply>((resolve) => access.ask({ method, request, by }, resolve));
      if (reply.kind === 'answered') return Buffer.from(reply.response.buffer, reply.response.byteOffset, reply.response.byteLength);
      throw reply.kind === 'refused' ? brokerFailure(reply.error) : new Error(reply.what);
    }),
  );
}

function byMethod<T>(make: (method: MqttMethod) => T): Record<string, T> {
  return Object.fromEntries(keysOf(METHODS).map((method) => [method, make(method)]));
}

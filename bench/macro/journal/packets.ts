import mqttPacket from 'mqtt-packet';

export interface ConnectOptions {
  readonly clientId: string;
  readonly clean: boolean;
}

type Request = ({ readonly cmd: 'connect' } & ConnectOptions) | { readonly cmd: 'subscribe'; readonly filter: string; readonly qos: 0 | 1 };

/** Packets of MQTT 3.1.1 that are sent now and then. */
export function generate(request: Request): Buffer {
  if (request.cmd === 'connect') {
    const { clientId, clean } = request;
    return mqttPacket.generate({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clientId, clean, keepalive: 0 });
  }
  return mqttPacket.generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: request.filter, qos: request.qos }] });
}

/** Settings (`--set`) of a broker that stands beside others: no listener has its usual port. A listener that is new belongs here. */
export const FREE_PORTS: readonly string[] = [
  'mqtt.tcp.port=0',
  'mqtt.ws.port=0',
  'mqtt.tls.port=0',
  'mqtt.wss.port=0',
  'grpc.port=0',
  'http.port=0',
];

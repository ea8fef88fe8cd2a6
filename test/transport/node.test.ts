import { NodeAcceptor } from '../../src/transport/node/node-acceptor.js';
import { NodeTransport } from '../../src/transport/node/node-transport.js';
import { transportConformance } from './conformance.js';

transportConformance('node transport', async (options) => {
  const transport = NodeTransport.open(options);
  const acceptor = new NodeAcceptor();
  return {
    transport,
    async listen(onAccepted) {
      const { port, listener } = acceptor.listen('127.0.0.1', 0, 0);
      transport.acceptFrom(acceptor.listeningDescriptorOf(listener), 0, (_tag, descriptors, count) => {
        for (let i = 0; i < count; i += 1) onAccepted(descriptors[i]);
      });
      return port;
    },
    async close() {
      transport.close();
      acceptor.close();
    },
  };
});

import { NativeAcceptor } from '../../src/transport/native/native-acceptor.js';
import { NativeTransport } from '../../src/transport/native/native-transport.js';
import { transportConformance } from './conformance.js';

transportConformance('native transport', async (options) => {
  const transport = NativeTransport.open(options);
  let onDescriptor: (descriptor: number) => void = () => {};
  const acceptor = NativeAcceptor.open((_tag, descriptors, count) => {
    for (let i = 0; i < count; i += 1) onDescriptor(descriptors[i]);
  });
  return {
    transport,
    async listen(onAccepted) {
      onDescriptor = onAccepted;
      return acceptor.listen('127.0.0.1', 0, 0).port;
    },
    async close() {
      transport.close();
      acceptor.close();
    },
  };
});

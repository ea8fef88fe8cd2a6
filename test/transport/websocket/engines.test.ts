import { loadNative } from '../../../src/native/door.js';
import { NativeTransport } from '../../../src/transport/native/native-transport.js';
import { NodeTransport } from '../../../src/transport/node/node-transport.js';
import { engineConformance, type Ground } from './engine-conformance.js';

const grounds: Ground[] = [{ name: 'node', open: NodeTransport.open }];
if (!('unavailable' in loadNative())) grounds.push({ name: 'native', open: NativeTransport.open });

for (const ground of grounds) {
  await engineConformance('ws', ground);
  await engineConformance('uws', ground);
}

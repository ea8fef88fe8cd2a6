import { BinaryReader } from '@bufbuild/protobuf/wire';
import type { Server } from '@grpc/grpc-js';
import { ReflectionService as Reflection } from '@grpc/reflection';
import { HealthImplementation as Health, service as healthDefinition } from 'grpc-health-check';
import { DESCRIPTORS } from './generated/descriptors.js';

/*
  What tools ask of any server: how it is (grpc.health.v1) and what it can do (grpc.reflection). Both parse .proto files while they are loaded,
  which takes longer than everything else here: so this file is loaded when the server already serves.
*/

/** Named for health checks, beside the server as a whole, which is ''. */
const PARTS = ['', 'robustmq.v1.Cluster', 'robustmq.v1.Catalogue', 'robustmq.v1.Streams', 'robustmq.v1.Mqtt'];
/** Of a FileDescriptorSet: `repeated FileDescriptorProto file = 1`, length-delimited. */
const FILE_TAG = 0x0a;

export interface Introspection {
  setServing(isServing: boolean): void;
}

/** At first nothing is served. */
export function addIntrospection(server: Server): Introspection {
  const health = new Health();
  const setServing = (is: boolean): void => {
    for (const part of PARTS) health.setStatus(part, is ? 'SERVING' : 'NOT_SERVING');
  };
  setServing(false);
  health.addToServer(server);
  const { Check } = healthDefinition;
  // The library wants what a loader of .proto files gives, and of that uses the descriptors alone.
  new Reflection({ served: { ...Check.requestType, fileDescriptorProtos: descriptors() } }).addToServer(server);
  return { setServing };
}

function descriptors(): Buffer[] {
  const reader = new BinaryReader(Buffer.from(DESCRIPTORS, 'base64'));
  const files: Buffer[] = [];
  while (reader.pos < reader.len && reader.uint32() === FILE_TAG) files.push(Buffer.from(reader.bytes()));
  return files;
}

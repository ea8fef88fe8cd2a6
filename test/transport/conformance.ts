import { blockConformance } from './conformance-blocks.js';
import { cuttingConformance } from './conformance-cutting.js';
import { outputConformance } from './conformance-output.js';
import { socketConformance } from './conformance-sockets.js';
import { topicConformance } from './conformance-topics.js';
import type { CreateUnderTest } from './under-test.js';

/** What every transport has to do: the port's sentences as tests. */
export function transportConformance(name: string, create: CreateUnderTest): void {
  cuttingConformance(name, create);
  topicConformance(name, create);
  blockConformance(name, create);
  outputConformance(name, create);
  socketConformance(name, create);
}

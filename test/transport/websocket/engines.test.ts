import { engineConformance } from './engine-conformance.js';

await engineConformance('ws');
await engineConformance('uws');

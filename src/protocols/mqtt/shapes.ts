import type { BlockShape } from '../../transport/ports.js';

/*
  Every shape a block can have, made once. Index: version 5 | qos (2 bits) | retain | duplicate.
*/
const SHAPES: readonly BlockShape[] = Array.from({ length: 32 }, (_, index): BlockShape => {
  const qos = (index >> 2) & 3;
  return {
    version: index & 16 ? 5 : 4,
    qos: (qos === 3 ? 0 : qos) as 0 | 1 | 2,
    retain: index & 2 ? 1 : 0,
    duplicate: index & 1 ? 1 : 0,
  };
});

/** The shape with these properties, without an allocation. */
export function shapeOf(version: 4 | 5, qos: 0 | 1 | 2, retain: 0 | 1, duplicate: 0 | 1): BlockShape {
  return SHAPES[(version === 5 ? 16 : 0) | (qos << 2) | (retain << 1) | duplicate];
}

import assert from 'node:assert/strict';
import type { Spaces } from '../../src/runtime/inbound-link.js';
import { SPACE_REGISTERED_FIRST, type SpaceId } from '../../src/transport/ports.js';

/** Registered spaces without a transport: bytes can be looked at by space. */
export class FakeSpaces implements Spaces {
  readonly #bytes = new Map<SpaceId, Uint8Array>();
  #next: SpaceId = SPACE_REGISTERED_FIRST;

  get count(): number {
    return this.#bytes.size;
  }

  registerSpace(bytes: Uint8Array): SpaceId {
    this.#bytes.set(this.#next, bytes);
    this.#next += 1;
    return this.#next - 1;
  }

  unregisterSpace(space: SpaceId): void {
    assert.ok(this.#bytes.delete(space), 'the space was registered');
  }

  read(space: SpaceId, offset: number, length: number): Uint8Array {
    const bytes = this.#bytes.get(space);
    assert.ok(bytes !== undefined, 'the space is registered');
    return bytes.slice(offset, offset + length);
  }
}

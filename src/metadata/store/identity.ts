import { z } from 'zod';
import { type StateTableStore, StoreError, type TableChange } from '../../storage/ports.js';
import { ROW, rowKey } from './rows.js';

/** Who this node is, for as long as its data directory lives. An empty directory is a new node: it never gets an old number back. */
export interface NodeIdentity {
  readonly clusterId: string;
  /** Its number in Raft and in the catalogue. */
  readonly nodeId: number;
  /** Made with the directory. Peers refuse a node whose number they know with another UUID. */
  readonly uuid: string;
}

const IDENTITY: z.ZodType<NodeIdentity> = z.strictObject({
  clusterId: z.string().min(1).max(64),
  nodeId: z.int().min(1),
  uuid: z.string().min(1).max(64),
});

/** @returns null if the directory is new. @throws StoreError corrupt. */
export function readIdentity(table: StateTableStore): NodeIdentity | null {
  const row = table.get(rowKey(ROW.identity, 0, 0));
  if (row === null) return null;
  try {
    return IDENTITY.parse(JSON.parse(Buffer.from(row).toString('utf8')));
  } catch (cause) {
    throw new StoreError('corrupt', 'the identity of the node cannot be read', { cause });
  }
}

export function identityRow(identity: NodeIdentity): TableChange {
  return { key: rowKey(ROW.identity, 0, 0), value: Buffer.from(JSON.stringify(identity)) };
}

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

/** @returns null if the directory is new. @throws StoreError corrupt. */
export function readIdentity(table: StateTableStore): NodeIdentity | null {
  const row = table.get(rowKey(ROW.identity, 0, 0));
  if (row === null) return null;
  let identity: unknown;
  try {
    identity = JSON.parse(Buffer.from(row).toString('utf8'));
  } catch (cause) {
    throw new StoreError('corrupt', 'the identity of the node cannot be read', { cause });
  }
  if (!isIdentity(identity)) throw new StoreError('corrupt', 'the identity of the node is not what this version wrote');
  return identity;
}

export function identityRow(identity: NodeIdentity): TableChange {
  return { key: rowKey(ROW.identity, 0, 0), value: Buffer.from(JSON.stringify(identity)) };
}

function isIdentity(value: unknown): value is NodeIdentity {
  if (typeof value !== 'object' || value === null) return false;
  if (!('clusterId' in value && 'nodeId' in value && 'uuid' in value)) return false;
  const { clusterId, nodeId, uuid } = value;
  return isText(clusterId) && isText(uuid) && typeof nodeId === 'number' && Number.isSafeInteger(nodeId) && nodeId > 0;
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

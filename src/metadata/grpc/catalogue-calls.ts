import type { ServerDuplexStream, ServerWritableStream } from '@grpc/grpc-js';
import type { ResourceRecord } from '../catalogue/resources.js';
import { freshen, propose } from './answers.js';
import type { CallGate } from './call-gate.js';
import { CatalogueWatch } from './catalogue-watch.js';
import type { ChangeHistory } from './change-history.js';
import { commitFromWire, deleteFromWire, envelopeOf, putFromWire } from './command-conversion.js';
import { CommandSession } from './command-session.js';
import { CallFailure, invalidRequest, notFound } from './error-status.js';
import {
  type CatalogueServer,
  Consistency,
  type SessionRequest,
  type SessionResponse,
  type WatchRequest,
  type WatchResponse,
} from './generated/robustmq/v1/catalogue.js';
import type { Record as RecordMessage } from './generated/robustmq/v1/resources.js';
import { type KindedKey, keyFromWire } from './key-conversion.js';
import { readPage } from './pages.js';
import type { MetadataAccess } from './ports.js';
import { kindFromWire, recordToWire } from './resource-conversion.js';

/** The verbs of robustmq.v1.Catalogue. */
export function catalogueCalls(access: MetadataAccess, gate: CallGate, history: ChangeHistory): CatalogueServer {
  return {
    get: gate.unary(async ({ key, consistency }, { deadlineMs }) => {
      const wanted = keyFromWire(key);
      await maybeFreshen(access, consistency, deadlineMs);
      return { record: recordOf(access, wanted) };
    }),
    list: gate.unary(async ({ kind, consistency, ...query }, { deadlineMs }) => {
      const wanted = kindFromWire(kind);
      await maybeFreshen(access, consistency, deadlineMs);
      const { records, nextPageToken } = readPage(access.reader, wanted, query);
      return { records: records.map((record) => recordToWire(wanted, record)), nextPageToken, revision: access.reader.revision };
    }),
    put: gate.unary(async ({ resource, expectedRevision, requestId }, facts) => {
      const { revision, id } = await propose(access, envelopeOf(putFromWire(resource, expectedRevision), requestId), facts);
      return { revision, id };
    }),
    delete: gate.unary(async ({ key, expectedRevision, requestId }, facts) => {
      const { revision } = await propose(access, envelopeOf(deleteFromWire(key, expectedRevision), requestId), facts);
      return { revision };
    }),
    commitOffsets: gate.unary(async ({ commit, requestId }, facts) => {
      const { revision } = await propose(access, envelopeOf(commitFromWire(commit), requestId), facts);
      return { revision };
    }),
    watch(call: ServerWritableStream<WatchRequest, WatchResponse>) {
      if (!gate.admit(call)) return;
      try {
        new CatalogueWatch(call, access, history);
      } catch (error) {
        if (!(error instanceof CallFailure)) throw error;
        call.emit('error', gate.statusOf(error));
      }
    },
    session(call: ServerDuplexStream<SessionRequest, SessionResponse>) {
      if (gate.admit(call)) new CommandSession(call, access);
    },
  };
}

function recordOf(access: MetadataAccess, { kind, key }: KindedKey): RecordMessage {
  const record: ResourceRecord | null = access.reader.get(kind, key);
  if (record === null) throw notFound(`this ${kind}`);
  return recordToWire(kind, record);
}

async function maybeFreshen(access: MetadataAccess, consistency: Consistency, deadlineMs: number): Promise<void> {
  if (consistency === Consistency.LINEARIZABLE) await freshen(access, deadlineMs);
  else if (consistency !== Consistency.LOCAL) throw invalidRequest('the consistency is unknown');
}

import { matchesFilter } from '../../../base/filter-match.js';
import { matchesGlob } from '../../../base/glob.js';
import { EVENT, ROW_CONNECTION, ROW_COUNT, ROW_EXTRA, ROW_KIND, ROW_LENGTH, ROW_NUMBER, ROW_OFFSET } from '../../../transport/ports.js';
import type { MqttContext } from '../context.js';
import { nextPacketIdAfter } from '../outbound.js';
import { frameLength } from '../publish-frame.js';
import { ackText, PINGREQ_TEXT, publishText, readClientPacket, topicOfFrame } from './packet-text.js';

/*
  Traces of packets on one shard. While there is none, `context.tracing` is null: a test per row is all that they cost. While there are some, rows
  are read before they are acted on, and commands on their way to the transport (tracing-commands.ts):

    rows -----> Tracing.onRow ----.
                                   +--> lines of each trace --> main, each tick --> data_path/traces
    commands -> TracingCommands --'

  A line costs much more than the packet that it is about: traces are for a client, a topic or an address, not for all that goes on.
*/

export type TraceKind = 'client' | 'topic' | 'address';

export interface TraceSpec {
  readonly name: string;
  readonly kind: TraceKind;
  /** A client identifier or an address with * and ?, or a topic filter. */
  readonly value: string;
  readonly tenant: string;
  /** 0: payloads are not shown. */
  readonly payloadBytesMax: number;
}

/** What a trace has since the last time. `lost`: packets that found it full. */
export interface TracePart {
  readonly name: string;
  readonly text: string;
  readonly lost: number;
}

/** Of one trace between two ticks. */
const BUFFER_BYTES_MAX = 1024 * 1024;

interface ActiveTrace {
  readonly spec: TraceSpec;
  lines: string[];
  bytes: number;
  lost: number;
}

export class Tracing {
  readonly #context: MqttContext;
  readonly #traces: readonly ActiveTrace[];
  /** Client identifiers of connections that have no session yet, or none any more. */
  readonly #names: Map<number, string> = new Map();

  constructor(context: MqttContext, specs: readonly TraceSpec[]) {
    this.#context = context;
    this.#traces = specs.map((spec) => ({ spec, lines: [], bytes: 0, lost: 0 }));
  }

  /** Before the row is acted on. */
  onRow(at: number): void {
    const { transport } = this.#context;
    const { rows, arena } = transport;
    const connection = rows[at + ROW_CONNECTION];
    const known = this.#context.connections[connection] ?? null;
    if (known === null) return;
    const offset = rows[at + ROW_OFFSET];
    const length = rows[at + ROW_LENGTH];
    switch (rows[at + ROW_KIND]) {
      case EVENT.publish:
      case EVENT.publishProperties:
        this.onPublishes('in', connection, arena, offset, rows[at + ROW_COUNT], known.version === 5 ? 5 : 4, null);
        return;
      case EVENT.acks: {
        let packetId = rows[at + ROW_NUMBER];
        for (let i = 0; i < rows[at + ROW_COUNT]; i += 1) {
          const id = packetId;
          this.note('in', connection, null, () => ackText(rows[at + ROW_EXTRA], id));
          packetId = nextPacketIdAfter(packetId);
        }
        return;
      }
      case EVENT.ping:
        this.note('in', connection, null, () => PINGREQ_TEXT);
        return;
      case EVENT.frame: {
        const { packet, text } = readClientPacket(arena, offset, length, known.version);
        if (packet?.type === 'connect') this.#names.set(connection, packet.clientId);
        this.note('in', connection, null, () => text);
        return;
      }
      case EVENT.fault:
        this.note('in', connection, null, () => `not a packet: fault ${rows[at + ROW_NUMBER]} of the transport`);
        return;
      case EVENT.closed:
        this.note('in', connection, null, () => 'closed');
        this.#names.delete(connection);
    }
  }

  /** Frames of one topic. `sent`: as they are encoded for this receiver, the first packet id counted on. */
  onPublishes(
    direction: 'in' | 'out',
    connection: number,
    bytes: Uint8Array,
    offset: number,
    count: number,
    version: 4 | 5,
    sent: { readonly packetId: number; readonly qos: number; readonly retain: number; readonly duplicate: number } | null,
  ): void {
    const topic = topicOfFrame(bytes, offset);
    let at = offset;
    let packetId = sent?.packetId ?? 0;
    for (let i = 0; i < Math.max(1, count); i += 1) {
      const length = frameLength(bytes, at);
      const frame = at;
      const own = sent === null ? null : { ...sent, packetId };
      this.note(direction, connection, topic, (payloadBytesMax) => publishText(bytes, frame, length, version, own, payloadBytesMax));
      at += length;
      packetId = nextPacketIdAfter(packetId);
    }
  }

  /** @param topic null: the packet has none. */
  note(direction: 'in' | 'out', connection: number, topic: string | null, describe: (payloadBytesMax: number) => string): void {
    for (const trace of this.#traces) {
      if (!this.#isWanted(trace.spec, connection, topic)) continue;
      if (trace.bytes >= BUFFER_BYTES_MAX) {
        trace.lost += 1;
        continue;
      }
      const { address, port } = this.#context.originOf(connection);
      const client = JSON.stringify(this.#nameOf(connection));
      const time = new Date(this.#context.clock.nowMs()).toISOString();
      const line = `${time} ${direction.padEnd(3)} ${client} ${address}:${port} ${describe(trace.spec.payloadBytesMax)}\n`;
      trace.lines.push(line);
      trace.bytes += Buffer.byteLength(line);
    }
  }

  /** What was noted since the last time, each tick. */
  take(): TracePart[] {
    return this.#traces.flatMap((trace) => {
      if (trace.lines.length === 0 && trace.lost === 0) return [];
      const part = { name: trace.spec.name, text: trace.lines.join(''), lost: trace.lost };
      trace.lines = [];
      trace.bytes = 0;
      trace.lost = 0;
      return [part];
    });
  }

  #isWanted({ kind, value, tenant }: TraceSpec, connection: number, topic: string | null): boolean {
    const known = this.#context.connections[connection] ?? null;
    if (known === null || (known.space !== null && known.space.name !== tenant)) return false;
    if (kind === 'client') return matchesGlob(value, this.#nameOf(connection));
    if (kind === 'address') return matchesGlob(value, this.#context.originOf(connection).address);
    return topic !== null && matchesFilter(value, topic);
  }

  #nameOf(connection: number): string {
    return this.#context.connections[connection]?.session?.clientId ?? this.#names.get(connection) ?? '';
  }
}

import type { AuthExchange, ExchangeStep } from '../../auth/ports.js';
import type { ConnectionId } from '../../transport/ports.js';
import type { ConnectionMeter } from './metering/meter.js';
import type { OutboundAliases } from './outbound-aliases.js';
import { UnacknowledgedRuns } from './pending-runs.js';
import type { MqttSession } from './session.js';
import type { TenantSpace } from './tenant-space.js';
import type { Will } from './will.js';

/**
 * waiting: for CONNECT. authenticating: CONNECT is read, and who it is is being found out. claiming: the session is being fetched.
 * closing: nothing the peer sends counts any more.
 */
export type Phase = 'waiting' | 'authenticating' | 'claiming' | 'connected' | 'closing';

/** One network connection. A session owns no sockets and no timers; this is where the two meet. */
export class MqttConnection {
  readonly id: ConnectionId;
  phase: Phase = 'waiting';
  /** From CONNECT: 3 is MQTT 3.1, 4 is 3.1.1. */
  version: 3 | 4 | 5 = 4;
  session: MqttSession | null = null;
  /** Of its tenant; null before that is known. */
  space: TenantSpace | null = null;
  /** 100 ms ticks of silence after which the client counts as dead: 1.5 times its keep-alive. 0: it may be silent for ever. */
  silenceTicksMax = 0;
  /** The client's Receive Maximum; 65535 before MQTT 5. */
  receiveMaximum = 65535;
  /** The client's Maximum Packet Size; 0: no limit. */
  packetBytesMax = 0;
  /** False: the client asked us to keep reasons and user properties to ourselves (MQTT 5 §3.1.2.11.7). */
  wantsProblemInformation = true;
  will: Will | null = null;
  /** Topics by alias, as UTF-8, from the client; null until it uses one. */
  inboundAliases: (Uint8Array | null)[] | null = null;
  outboundAliases: OutboundAliases | null = null;
  /** QoS > 0 publishes that came in this turn, not yet acknowledged on the wire; good for `turn` only. */
  turnPublishes = 0;
  turn = -1;
  /** How many reasons there are to leave its bytes in the kernel. */
  pauses = 0;
  readonly unacknowledged: UnacknowledgedRuns = new UnacknowledgedRuns();
  isHeldByJournal = false;
  /** The session this publisher waits for; null if none. */
  heldBy: MqttSession | null = null;
  isHeldByLink = false;
  isHeldByMeter = false;
  /** Null: nothing of it is limited by rate. */
  meter: ConnectionMeter | null = null;
  /** Rows of quotas that it holds, and those that count it. */
  readonly heldRows: number[] = [];
  readonly countedRows: number[] = [];
  /** Ticket of the question who it is; -1: none is open. */
  authenticationTicket = -1;
  /** Enhanced authentication (MQTT 5 §4.12): its method, if CONNECT named one, and the exchange under way. */
  authenticationMethod: string | null = null;
  exchange: AuthExchange | null = null;
  /** Takes the answer to a step of it. */
  onExchanged: (step: ExchangeStep) => void = () => {};
  /** A step of the exchange waits for its answer: the client has nothing to say. */
  isExchangeBusy = false;
  /** Milliseconds since the epoch when its credentials end; 0: never. */
  expiresAtMs = 0;
  /** Ticket of the session claim while `claiming`. */
  claimTicket = -1;

  /** Tag of the listener that it came by, for its gauge. */
  readonly listener: number;

  constructor(id: ConnectionId, listener = 0) {
    this.id = id;
    this.listener = listener;
  }
}

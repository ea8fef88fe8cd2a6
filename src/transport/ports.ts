import type { Socket } from 'node:net';

/*
  The transport port: how bytes and connections reach the protocols, and how answers leave.

  Both transports (the native reactor and the node:net twin) implement exactly this page. Work crosses it in batches:

    socket --> arena bytes + event rows --> onTurn(rowCount) --> command rows + scratch bytes --> one write per socket

  A turn: every ready socket is read into the arena, frames are cut and rows written, `onTurn` is called once, the
  commands it appended are executed, and each connection that has output gets one write. Arena bytes and rows are valid
  only during `onTurn`. Commands appended outside a turn (a timer, a ring, a promise) take effect at `submit()`.
*/

/** Number of a connection: a small integer that indexes arrays. Not reused before `release`. */
export type ConnectionId = number;
/** Where command bytes are: the arena of this turn, our own scratch, or a space registered with `registerSpace`. */
export type SpaceId = number;
/** Number of an interned topic, below `topicsMax`. The number of an evicted topic is given out again. */
export type TopicId = number;
/** Number of a registered target list. */
export type ListId = number;
/** Number of a block (encoded PUBLISH frames) within the current batch of commands: 0, 1, 2 in order of `buildBlock`. */
export type BlockId = number;

export const SPACE_ARENA = 0;
export const SPACE_SCRATCH = 1;
export const SPACE_REGISTERED_FIRST = 2;

/** How a connection's bytes are cut. `mqtt`: MQTT fixed header; `raw`: each read is one frame. */
export const FRAMING = { raw: 0, mqtt: 1, u32be: 2, amqp: 3 } as const;
export type Framing = (typeof FRAMING)[keyof typeof FRAMING];

/*
  Event row, ROW_INTS 32-bit integers:

    0 kind | 1 connection | 2 offset | 3 length | 4 count | 5 number | 6 header | 7 extra

  offset and length are bytes in the arena. What the others mean depends on the kind.
*/
export const ROW_INTS = 8;
export const ROW_KIND = 0;
export const ROW_CONNECTION = 1;
export const ROW_OFFSET = 2;
export const ROW_LENGTH = 3;
export const ROW_COUNT = 4;
export const ROW_NUMBER = 5;
export const ROW_HEADER = 6;
export const ROW_EXTRA = 7;

export const EVENT = {
  /** An outgoing connection is established, or failed: number = errno, 0 if established. */
  connected: 1,
  /** The connection is gone. number = CLOSE_*, extra = errno. No row follows for it; its number stays taken until `release`. */
  closed: 2,
  /** One frame that has no kind of its own. offset/length = the whole frame; header = length of the fixed header (MQTT) or of the prefix; extra = first byte. */
  frame: 3,
  /**
   * A run of PUBLISH frames of one connection, contiguous in the arena, with the same first byte (flags) and the same topic.
   * count = frames, number = TopicId, header = fixed-header length of the first frame, extra = first byte | topic byte length << 8.
   * The topic is well-formed (UTF-8, not empty, no wildcard, no U+0000). QoS is 0, 1 or 2, and DUP is 0 where QoS is 0;
   * packet ids are not zero. On an MQTT 5 connection frames with properties are not here but in `publishProperties`.
   */
  publish: 4,
  /** One MQTT 5 PUBLISH with properties, or any PUBLISH with an empty topic (alias), number = TopicId or -1 if the topic is empty. Otherwise as `publish`. Properties are not checked. */
  publishProperties: 5,
  /**
   * A run of acknowledgements of one type whose packet ids follow one another (65535 is followed by 1), remaining length 2.
   * number = first packet id, count = how many, extra = first byte (0x40, 0x50, 0x62, 0x70).
   */
  acks: 6,
  /** PINGREQ. */
  ping: 7,
  /** The peer sent what cannot be a frame. number = FAULT_*. The connection reads no more; the protocol answers and closes. */
  fault: 8,
  /** Output waiting for this connection rose above its high mark (offset = bytes waiting). */
  congested: 9,
  /** It fell below the low mark again. */
  relieved: 10,
} as const;

export const CLOSE = { byPeer: 0, byUs: 1, error: 2, budget: 3 } as const;
export const FAULT = {
  /** Remaining length longer than four bytes, or not minimal. */
  badLength: 1,
  /** The frame is longer than the connection's limit. Nothing of its body was buffered. */
  tooLarge: 2,
  /** PUBLISH: bad topic (encoding, wildcard, empty where not allowed), QoS 3, DUP with QoS 0, packet id 0, or a body shorter than its fields. */
  badPublish: 3,
  /** PUBLISH: the topic name has a wildcard or is otherwise not a topic name (v5: 0x90). */
  badTopicName: 4,
} as const;

/*
  Commands, COMMAND_INTS 32-bit integers each; written through `CommandSink`, laid out in transport/command-rows.ts.
  Executed in order; bytes of one connection leave in command order.
*/

/** How `buildBlock` re-encodes a run of PUBLISH frames. */
export interface BlockShape {
  /** Protocol level of the receivers: 4 for MQTT 3.1 and 3.1.1, 5 for MQTT 5. */
  readonly version: 4 | 5;
  /** QoS of the frames built, at most that of the run. */
  readonly qos: 0 | 1 | 2;
  readonly retain: 0 | 1;
  readonly duplicate: 0 | 1;
}

/** Appends commands. None of these allocates. Sessions, timers and ring readers share one sink per transport. */
export interface CommandSink {
  /** `length` bytes of `space` to one connection. */
  send(connection: ConnectionId, space: SpaceId, offset: number, length: number): void;
  /** Copies the bytes to the scratch and sends them. For answers that are not on the hot path. */
  sendCopy(connection: ConnectionId, bytes: Uint8Array): void;
  /**
   * Encodes a run of PUBLISH frames once for a class of receivers. The run is `count` contiguous frames in `space`, encoded as
   * MQTT `sourceVersion` with full topics. A v5 receiver gets the source's properties without a topic alias or subscription
   * identifiers, with `identifiers` (encoded Subscription Identifier properties; null if none) put in front; a v4 receiver gets none.
   * Costs no copy where the result equals the input. A block is good until the next `submit`: a full command buffer or scratch is
   * drained by the sink itself without harm to blocks already built.
   */
  buildBlock(
    space: SpaceId,
    offset: number,
    length: number,
    count: number,
    sourceVersion: 4 | 5,
    shape: BlockShape,
    identifiers: Uint8Array | null,
  ): BlockId;
  /** The same from bytes that are in no space (a stored message): they are copied. */
  buildBlockCopy(
    bytes: Uint8Array,
    offset: number,
    length: number,
    count: number,
    sourceVersion: 4 | 5,
    shape: BlockShape,
    identifiers: Uint8Array | null,
  ): BlockId;
  /**
   * The block to one connection. QoS > 0: frames get the packet ids firstPacketId, +1, ... (after 65535 comes 1).
   * Sizes are not checked here: the caller knows which receivers announced a Maximum Packet Size.
   */
  sendBlock(connection: ConnectionId, block: BlockId, firstPacketId: number): void;
  /** A QoS 0 block to every connection of a list. Congested ones (above their high mark and not yet relieved) are passed over and counted in `counters[DROPPED_QOS0]`. */
  sendBlockToList(list: ListId, block: BlockId, exceptConnection: ConnectionId): void;
  /**
   * Answers each frame of a run of PUBLISH frames (QoS > 0) with a 4-byte acknowledgement of `firstByte` (0x40 PUBACK, 0x50 PUBREC)
   * and, if `reasonCode` is not 0, a fifth byte.
   */
  ackRun(connection: ConnectionId, firstByte: number, reasonCode: number, space: SpaceId, offset: number, count: number): void;
  /** `count` acknowledgements with consecutive packet ids: PUBREL or PUBCOMP for a run of `acks`. */
  ackRange(connection: ConnectionId, firstByte: number, firstPacketId: number, count: number): void;
  /** One acknowledgement (MQTT: first byte, 2, id). */
  ack(connection: ConnectionId, firstByte: number, packetId: number): void;
  /** CONNECT is accepted: cut what follows with this version and limit. Frames after a connection's first are held back until then. */
  admit(connection: ConnectionId, version: 4 | 5, frameBytesMax: number): void;
  pauseReading(connection: ConnectionId): void;
  resumeReading(connection: ConnectionId): void;
  /** Closes after what is queued was handed to the kernel, or after `lingerMs` at the latest. 0 closes at once. A `closed` row follows. */
  close(connection: ConnectionId, lingerMs: number): void;
  /** Gives the number of a closed connection back. */
  release(connection: ConnectionId): void;
  /** The list holds exactly these connections from now on. `listSet` of an empty array frees the number for reuse by the caller. */
  listSet(list: ListId, connections: Int32Array, count: number): void;
  /** Takes a closed or departing connection out of every list. */
  listForget(connection: ConnectionId): void;
}

export interface ConnectionOptions {
  readonly framing: Framing;
  /** Bytes of one frame that are accepted before `admit` (MQTT) or at all (others). */
  readonly frameBytesMax: number;
  readonly highMarkBytes: number;
  readonly lowMarkBytes: number;
  /** MQTT: hold back frames after the first until `admit`. */
  readonly gated: boolean;
  /** Hard limit on output that waits for this connection; crossing it closes the connection with CLOSE.budget. */
  readonly outputBytesMax: number;
}

export interface PeerAddress {
  /** Empty: of a unix socket. */
  readonly address: string;
  readonly port: number;
}

/** What a verified client certificate says. */
export interface PeerCertificate {
  /** The name that the listener takes from it; empty if there is none. */
  readonly name: string;
  readonly commonName: string;
  /** The first O and OU; empty if there is none. */
  readonly organization: string;
  readonly unit: string;
  /** With their kinds: `DNS:a.example`, `URI:spiffe://x`. */
  readonly alternativeNames: readonly string[];
  /** SHA-256, upper-case hex without colons. */
  readonly fingerprint: string;
  readonly serial: string;
  /** Milliseconds since the epoch. */
  readonly notAfterMs: number;
}

/** What a carrier knows of its peer. */
export interface PeerFacts extends PeerAddress {
  readonly isEncrypted: boolean;
  readonly certificate: PeerCertificate | null;
  readonly pskIdentity: string;
}

/** Counters in shared memory, one Float64 each, written by the transport only. */
export const COUNTER = {
  bytesIn: 0,
  bytesOut: 1,
  framesIn: 2,
  droppedQos0: 3,
  reads: 4,
  writes: 5,
  turns: 6,
  acceptErrors: 7,
  outputBytes: 8,
  framesOut: 9,
} as const;
export const COUNTERS_COUNT = 16;

export interface Transport {
  readonly kind: 'native' | 'node';
  readonly commands: CommandSink;
  /** Bytes of this turn; SPACE_ARENA. */
  readonly arena: Uint8Array;
  readonly rows: Int32Array;
  /** Time of the last byte read per connection, in `now()` ticks of 100 ms; indexed by ConnectionId. Grows: read through this property. */
  readonly activity: Int32Array;
  readonly counters: Float64Array;
  readonly topicsMax: number;

  /** Starts turning. `onTurn` gets the number of rows. Call once. */
  start(onTurn: (rowCount: number) => void): void;
  /** Executes the commands appended since the last submit and writes what they produced. Called by the transport itself after `onTurn`; by others at the end of their turn. Nothing to do costs a comparison. */
  submit(): void;
  /** 100 ms ticks since start, as in `activity`. */
  now(): number;

  /** What `onAccepted` gave, as a socket of node:net, for carriers. */
  takeSocket(descriptor: number): Socket;
  /** What `onAccepted` gave is closed. */
  refuse(descriptor: number): void;
  /** Takes ownership of an accepted descriptor. Returns its number, or -1 if the table of connections is full (the descriptor is closed). */
  adopt(descriptor: number, options: ConnectionOptions): ConnectionId;
  /** Node transport only: accepts on a descriptor that another thread listens on. What `onAccepted` gets is good for `adopt` on this transport alone. */
  acceptFrom(listeningDescriptor: number, tag: number, onAccepted: OnAccepted): void;
  /** Opens a TCP connection; a `connected` row follows. `localAddress` '' lets the kernel choose. Gated is ignored: the client speaks first. */
  connect(host: string, port: number, localAddress: string, options: ConnectionOptions): ConnectionId;
  /** A connection without a socket: TLS, WebSocket, tests. `onOutput` gets the bytes for the peer, valid only during the call. */
  openVirtual(options: ConnectionOptions, sink: VirtualSink): ConnectionId;
  /** Bytes from the peer of a virtual connection. Rows come in a turn of their own, soon. Returns false when it should be sent no more until `onReadable`. */
  pushVirtual(connection: ConnectionId, bytes: Uint8Array): boolean;
  /** Serves what was pushed now instead of soon, if no turn is under way: for carriers that cannot pause. Not with commands unsubmitted. */
  serveVirtual(): void;
  /** The peer of a virtual connection took so many of the bytes given to `onOutput`. */
  acknowledgeOutput(connection: ConnectionId, bytes: number): void;
  /** The peer of a virtual connection is gone; a `closed` row follows. */
  closeVirtual(connection: ConnectionId, reason: number): void;
  peerOf(connection: ConnectionId): PeerAddress;
  /** Bytes of output waiting for a connection. */
  outputBytesOf(connection: ConnectionId): number;

  /** Makes bytes outside (a ring) addressable in commands. They must stay unchanged until the `submit` that follows the command. */
  registerSpace(bytes: Uint8Array): SpaceId;
  unregisterSpace(space: SpaceId): void;
  /** Number of a topic by its UTF-8 bytes, interning it. -1 if it is not a topic name. */
  internTopic(bytes: Uint8Array): TopicId;
  /** UTF-8 bytes of an interned topic, as text. */
  topicName(topic: TopicId): string;
  /** How often the number was given to a topic. A cached route is good while this is unchanged; indexed by TopicId. */
  readonly topicGenerations: Int32Array;
  /** Closes everything. Idempotent. No callback comes after it. */
  close(): void;
}

export interface VirtualSink {
  onOutput(connection: ConnectionId, bytes: Uint8Array): void;
  /** Reading may go on after `pushVirtual` returned false. */
  onReadable(connection: ConnectionId): void;
  /** The protocol closed the connection: close the carrier once its output is written. */
  onClose(connection: ConnectionId): void;
}

/** Descriptors that a listener accepted, in order. `descriptors` is valid during the call; whoever is called owns them. */
export type OnAccepted = (listenerTag: number, descriptors: Int32Array, count: number) => void;

/** Listens on the main thread. Native: accepts there and hands descriptors out. Node: hands the listening descriptor to the shards, which accept on it. */
export interface Acceptor {
  readonly kind: 'native' | 'node';
  /** Binds exclusively and listens. Port 0 picks one. Throws BrokerError RMQ-1003 when the port is in use. */
  listen(host: string, port: number, tag: number): { readonly port: number; readonly listener: number };
  /** On a unix socket. `mode` says who may connect. @returns the listener. Throws BrokerError RMQ-1003. */
  listenUnix(path: string, mode: number, tag: number): number;
  /** The descriptor that shards pass to `Transport.acceptFrom`; -1 if this acceptor accepts by itself. */
  listeningDescriptorOf(listener: number): number;
  closeListener(listener: number): void;
  close(): void;
}

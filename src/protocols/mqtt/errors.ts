import { FAULT } from '../../transport/ports.js';
import { type ProtocolVersion, REASON, type ReasonName } from './constants.js';

/** The peer broke the protocol. The connection ends; an MQTT 5 client hears the reason code first. */
export class ProtocolViolation extends Error {
  override readonly name = 'ProtocolViolation';
  /** MQTT 5 reason code, for CONNACK or DISCONNECT. `connackCodeFor` gives what an MQTT 3 client hears. */
  readonly reasonCode: number;

  /** @param message a constant sentence for the log: nothing of the peer's bytes is in it. */
  constructor(reasonCode: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reasonCode = reasonCode;
  }
}

export function malformed(message: string, options?: ErrorOptions): ProtocolViolation {
  return new ProtocolViolation(REASON.malformedPacket, message, options);
}

export function protocolError(message: string): ProtocolViolation {
  return new ProtocolViolation(REASON.protocolError, message);
}

/** Why the transport gave a connection up (`EVENT.fault`), as the reason that the client hears. */
const REASON_BY_FAULT = {
  badLength: REASON.malformedPacket,
  tooLarge: REASON.packetTooLarge,
  badPublish: REASON.malformedPacket,
  badTopicName: REASON.topicNameInvalid,
} as const satisfies Record<keyof typeof FAULT, number>;

/** @param fault a value of FAULT. */
export function reasonForFault(fault: number): number {
  switch (fault) {
    case FAULT.tooLarge:
      return REASON_BY_FAULT.tooLarge;
    case FAULT.badTopicName:
      return REASON_BY_FAULT.badTopicName;
    case FAULT.badPublish:
      return REASON_BY_FAULT.badPublish;
    default:
      return REASON_BY_FAULT.badLength;
  }
}

/** The client gets no CONNACK: the connection just closes. */
export const NO_CONNACK = -1;

/*
  MQTT 3.1.1 §3.2.2.3 knows five ways to refuse a CONNECT:

    1 protocol version   2 client identifier   3 server unavailable   4 bad user name or password   5 not authorized

  A malformed CONNECT gets none of them (§3.1.4): the server closes without a word.
*/
const CONNACK_CODES = {
  success: 0,
  unsupportedProtocolVersion: 1,
  clientIdentifierNotValid: 2,
  serverUnavailable: 3,
  serverBusy: 3,
  serverShuttingDown: 3,
  quotaExceeded: 3,
  connectionRateExceeded: 3,
  useAnotherServer: 3,
  serverMoved: 3,
  badUserNameOrPassword: 4,
  notAuthorized: 5,
  banned: 5,
  badAuthenticationMethod: 5,
} as const satisfies Partial<Record<ReasonName, number>>;

const CONNACK_BY_REASON: ReadonlyMap<number, number> = new Map(
  Object.entries(CONNACK_CODES).map(([name, code]) => [REASON[name as keyof typeof CONNACK_CODES], code]),
);

/** The code in a CONNACK that says `reasonCode` to a client of this version, or NO_CONNACK. */
export function connackCodeFor(version: ProtocolVersion, reasonCode: number): number {
  return version === 5 ? reasonCode : (CONNACK_BY_REASON.get(reasonCode) ?? NO_CONNACK);
}

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(REASON).map(([name, code]) => [code, name.replace(/[A-Z0-9]+/g, (part) => ` ${part.toLowerCase()}`)]),
);

/** A reason code in words, for logs: 0x8D is 'keep alive timeout'. */
export function reasonName(reasonCode: number): string {
  return NAMES.get(reasonCode) ?? 'unknown reason';
}

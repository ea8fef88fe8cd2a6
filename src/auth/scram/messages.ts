/*
  The words of the client in SCRAM (RFC 5802 §7):

    client-first   gs2-header client-first-bare          n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL
      gs2-header   ("n" | "y" | "p=" name) "," ["a=" authzid] ","
      bare         ["m=" ...] "n=" user "," "r=" nonce ["," extensions]
    client-final   c=biws,r=fyko+...3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=
*/

export interface ClientFirst {
  /** As it came, for the proof. */
  readonly gs2Header: string;
  readonly bare: string;
  /** Whether the client wants its channel bound: we offer no mechanism that does. */
  readonly bindsChannel: boolean;
  /** Empty: itself. */
  readonly authorizationName: string;
  readonly userName: string;
  readonly nonce: string;
}

export interface ClientFinal {
  /** Of the message, without the proof. */
  readonly withoutProof: string;
  readonly channelBinding: string;
  readonly nonce: string;
  readonly proof: Uint8Array;
}

const MESSAGE_BYTES_MAX = 2048;
const GS2_HEADER = /^(?:([ny])|(p=[A-Za-z0-9.-]+)),(?:a=([^,]*))?,/;
/** Printable ASCII without the comma. */
const BARE = /^n=([^,]*),r=([\x21-\x2b\x2d-\x7e]+)(?:,[A-Za-z]=[^,]*)*$/;
const FINAL = /^(c=([A-Za-z0-9+/]+={0,2}),r=([\x21-\x2b\x2d-\x7e]+)(?:,[A-Za-z]=[^,]*)*),p=([A-Za-z0-9+/]+={0,2})$/;

/** @returns null if it is not as the grammar has it. */
export function parseClientFirst(data: Uint8Array): ClientFirst | null {
  const text = textOf(data);
  const header = text === null ? null : GS2_HEADER.exec(text);
  if (text === null || header === null) return null;
  const bare = text.slice(header[0].length);
  const match = BARE.exec(bare); // `m=` is an extension that must be understood, and we know none.
  if (match === null) return null;
  const userName = nameOf(match[1]);
  const authorizationName = nameOf(header[3] ?? '');
  if (userName === null || userName === '' || authorizationName === null) return null;
  return { gs2Header: header[0], bare, bindsChannel: header[2] !== undefined, authorizationName, userName, nonce: match[2] };
}

/** @returns null if it is not as the grammar has it. */
export function parseClientFinal(data: Uint8Array): ClientFinal | null {
  const text = textOf(data);
  const match = text === null ? null : FINAL.exec(text);
  if (match === null) return null;
  return { withoutProof: match[1], channelBinding: match[2], nonce: match[3], proof: Buffer.from(match[4], 'base64') };
}

function textOf(data: Uint8Array): string | null {
  if (data.length === 0 || data.length > MESSAGE_BYTES_MAX) return null;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data);
  } catch {
    return null; // No UTF-8: as wrong as any other word.
  }
}

/** `=2C` is a comma and `=3D` an equals sign; no other may be. */
function nameOf(escaped: string): string | null {
  if (/=(?!2C|3D)/.test(escaped)) return null;
  return escaped.replaceAll('=2C', ',').replaceAll('=3D', '=');
}

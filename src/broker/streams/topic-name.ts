const LEGAL_STREAM_NAME = /^[A-Za-z0-9._-]{1,249}$/;

/** Names that Kafka takes for a topic, and we for a stream. */
export function isStreamName(name: string): boolean {
  return LEGAL_STREAM_NAME.test(name) && name !== '.' && name !== '..';
}

/**
 * A topic as a stream's name, so that it can be found from either side: `/` becomes `.`, and each byte beside letters, digits and `-`
 * becomes `_` and two digits (`.` is `_2E`). @returns null if that is too long.
 */
export function dottedName(topic: string): string | null {
  let name = '';
  for (const byte of new TextEncoder().encode(topic)) {
    const character = String.fromCharCode(byte);
    if (character === '/') name += '.';
    else if (/[A-Za-z0-9-]/.test(character)) name += character;
    else name += `_${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return isStreamName(name) ? name : null;
}

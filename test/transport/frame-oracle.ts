import { scanUtf8 } from '../../src/wire/utf8.js';

/*
  The rows that an admitted MQTT connection must give for a whole stream, by the plainest code we could write: no runs, no splits,
  no state. Lines as `flatten` in probe.ts writes them.
*/
export function expectedLines(stream: Buffer, version: 4 | 5, frameBytesMax: number): string[] {
  const lines: string[] = [];
  let at = 0;
  while (at < stream.length) {
    const length = lengthAt(stream, at + 1);
    if (length === 'more') break;
    if (length === 'bad') return [...lines, 'fault'];
    const total = 1 + length.bytes + length.value;
    if (total > frameBytesMax) return [...lines, 'fault'];
    if (at + total > stream.length) break;
    const line = lineOf(stream.subarray(at, at + total), 1 + length.bytes, version);
    lines.push(line);
    if (line === 'fault') break;
    at += total;
  }
  return lines;
}

function lineOf(frame: Buffer, header: number, version: 4 | 5): string {
  const first = frame[0];
  const body = frame.subarray(header);
  if (first >> 4 === 3) return publishLine(frame, body, version);
  if ([0x40, 0x50, 0x62, 0x70].includes(first) && body.length === 2 && body.readUInt16BE(0) !== 0)
    return `ack ${first.toString(16)} ${body.readUInt16BE(0)}`;
  if (first === 0xc0 && body.length === 0) return 'ping';
  return `frame ${header} ${first.toString(16)} ${frame.toString('hex')}`;
}

function publishLine(frame: Buffer, body: Buffer, version: 4 | 5): string {
  const qos = (frame[0] >> 1) & 3;
  if (qos === 3 || (qos === 0 && (frame[0] & 8) !== 0) || body.length < 2) return 'fault';
  const topicLength = body.readUInt16BE(0);
  let at = 2 + topicLength;
  if (at > body.length) return 'fault';
  const topic = body.subarray(2, at);
  if (qos > 0) {
    if (at + 2 > body.length || body.readUInt16BE(at) === 0) return 'fault';
    at += 2;
  }
  let properties = 0;
  if (version === 5) {
    const length = lengthAt(body, at);
    if (length === 'more' || length === 'bad' || at + length.bytes + length.value > body.length) return 'fault';
    properties = length.value;
  } else if (topicLength === 0) {
    return 'fault';
  }
  if (topicLength > 0 && (scanUtf8(topic, 0, topic.length) !== 0 || topic.includes(0x23) || topic.includes(0x2b))) return 'fault';
  const kind = topicLength === 0 || properties > 0 ? 5 : 4;
  return `publish ${kind} ${topicLength === 0 ? '(none)' : topic.toString('utf8')} ${frame.toString('hex')}`;
}

function lengthAt(bytes: Buffer, at: number): { value: number; bytes: number } | 'more' | 'bad' {
  let value = 0;
  for (let i = 0; i < 4; i += 1) {
    if (at + i >= bytes.length) return 'more';
    const digit = bytes[at + i];
    value += (digit & 0x7f) * 128 ** i;
    if (digit < 0x80) return digit === 0 && i > 0 ? 'bad' : { value, bytes: i + 1 };
  }
  return 'bad';
}

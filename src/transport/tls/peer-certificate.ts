import type { X509Certificate } from 'node:crypto';
import type { PeerCertificate } from '../ports.js';

/** What of a certificate is the name of its client. */
export type IdentityFrom = 'cn' | 'san-dns' | 'san-uri' | 'san-email' | 'subject' | 'fingerprint';

/** Kinds of names as OpenSSL writes them. */
const PREFIX = { 'san-dns': 'DNS:', 'san-uri': 'URI:', 'san-email': 'email:' } as const;

/** @param certificate was verified. */
export function peerCertificateOf(certificate: X509Certificate, identityFrom: IdentityFrom): PeerCertificate {
  const subjectName = subjectField(certificate, 'CN');
  const alternativeNames = alternativeNamesOf(certificate.subjectAltName ?? '');
  const fingerprint = certificate.fingerprint256.replaceAll(':', '');
  const name = ((): string => {
    switch (identityFrom) {
      case 'cn':
        return subjectName;
      case 'subject':
        return certificate.subject.split('\n').reverse().join(',');
      case 'fingerprint':
        return fingerprint;
      default: {
        const prefix = PREFIX[identityFrom];
        return alternativeNames.find((alternative) => alternative.startsWith(prefix))?.slice(prefix.length) ?? '';
      }
    }
  })();
  return {
    name: isPlain(name) ? name : '',
    commonName: subjectName,
    organization: subjectField(certificate, 'O'),
    unit: subjectField(certificate, 'OU'),
    alternativeNames,
    fingerprint,
    serial: certificate.serialNumber,
    notAfterMs: Date.parse(certificate.validTo),
  };
}

/** The first of them, as in the certificate and not as OpenSSL would print it. */
function subjectField(certificate: X509Certificate, field: 'CN' | 'O' | 'OU'): string {
  const subject: unknown = certificate.toLegacyObject().subject;
  const value: unknown = typeof subject === 'object' && subject !== null ? Reflect.get(subject, field) : undefined;
  const first: unknown = Array.isArray(value) ? value[0] : value;
  return typeof first === 'string' && isPlain(first) ? first : '';
}

/** A name with control characters (a NUL that would cut it short for others) is nobody's. */
function isPlain(name: string): boolean {
  for (let at = 0; at < name.length; at += 1) {
    const code = name.charCodeAt(at);
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return false;
  }
  return true;
}

/** `DNS:a.example, URI:"spiffe://x, y"`: Node writes a value as a JSON text where a comma or quote in it could deceive. */
export function alternativeNamesOf(text: string): string[] {
  const names: string[] = [];
  for (const match of text.matchAll(/([A-Za-z][A-Za-z ]*):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/g)) {
    const [, kind, value] = match;
    const name = value.startsWith('"') ? parsedText(value) : value;
    if (name !== null && isPlain(name)) names.push(`${kind}:${name}`);
  }
  return names;
}

function parsedText(json: string): string | null {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'string' ? value : null;
  } catch {
    return null; // Not what Node writes: nobody's name.
  }
}

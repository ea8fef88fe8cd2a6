import { keyText } from '../catalogue/keys.js';
import { recordBytesMax } from '../catalogue/record-forms.js';
import type { ResourceKind, ResourceRecord } from '../catalogue/resources.js';
import type { CatalogueReader, ListQuery } from '../ports.js';
import { invalidRequest } from './error-status.js';

/** In one page; its bytes are what matters. */
export const PAGE_RECORDS_MAX = 1000;
/** By the most that each may take, so a page has far less than the 4 MiB that clients take. */
export const PAGE_BYTES_MAX: number = 1024 * 1024;

export interface PageQuery {
  /** Empty: all. */
  readonly tenant: string;
  readonly prefix: string;
  /** 0: PAGE_RECORDS_MAX. */
  readonly pageSize: number;
  /** Empty: from the beginning. */
  readonly pageToken: string;
}

export interface Page<K extends ResourceKind> {
  readonly records: readonly ResourceRecord<K>[];
  /** Empty: it is the last one. */
  readonly nextPageToken: string;
}

/** Records of one kind, in the order of their keys. @throws CallFailure. */
export function readPage<K extends ResourceKind>(reader: CatalogueReader, kind: K, query: PageQuery): Page<K> {
  const { tenant, prefix, pageSize, pageToken } = query;
  const limit = pageSize === 0 ? PAGE_RECORDS_MAX : Math.min(pageSize, PAGE_RECORDS_MAX);
  const wanted: ListQuery = {
    ...(tenant === '' ? {} : { tenant }),
    ...(pageToken === '' ? {} : { after: keyOfToken(pageToken) }),
    prefix,
    limit: limit + 1, // One more, to know whether there is one more.
  };
  const found = reader.list(kind, wanted);
  const count = Math.min(limit, countWithin(kind, found, PAGE_BYTES_MAX));
  if (count === found.length) return { records: found, nextPageToken: '' };
  return { records: found.slice(0, count), nextPageToken: tokenOf(keyText(kind, found[count - 1])) };
}

/** So many of the first take no more than `bytesMax` together; at least one. */
function countWithin<K extends ResourceKind>(kind: K, records: readonly ResourceRecord<K>[], bytesMax: number): number {
  let bytes = 0;
  for (let count = 0; count < records.length; count += 1) {
    bytes += recordBytesMax(kind, records[count]);
    if (bytes > bytesMax) return Math.max(1, count);
  }
  return records.length;
}

/** Keys have NUL in them. */
function tokenOf(key: string): string {
  return Buffer.from(key).toString('base64url');
}

function keyOfToken(token: string): string {
  const bytes = Buffer.from(token, 'base64url');
  if (bytes.toString('base64url') !== token) throw invalidRequest('the page token is none of ours');
  return bytes.toString();
}

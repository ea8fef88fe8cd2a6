import { credentials } from '@grpc/grpc-js';
import { CatalogueClient } from '../../../src/metadata/grpc/generated/robustmq/v1/catalogue.js';
import type { Resource, User } from '../../../src/metadata/grpc/generated/robustmq/v1/resources.js';

export const NO_ID: Buffer = Buffer.alloc(0);

/** A client of one connection, that is closed with the test. */
export function openClient(context: { after(end: () => void): void }, address: string): CatalogueClient {
  const client = new CatalogueClient(address, credentials.createInsecure());
  context.after(() => client.close());
  return client;
}

export function userOf(name: string, comment = '', tenant = ''): Resource {
  const value: User = { tenant, name, passwordHash: '', isSuperuser: false, comment, scram: [] };
  return { resource: { $case: 'user', value } };
}

export function idOf(number: number): Buffer {
  const id = Buffer.alloc(16);
  id.writeUInt32BE(number);
  return id;
}

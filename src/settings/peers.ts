import type { MetadataSettings } from './metadata-schema.js';

/* First voters of the metadata service. Apart from the schema, because the metadata thread does without the library that checks settings. */

/** More voters than that make commits slow and nothing safer. */
export const VOTERS_MAX = 7;

export interface PeerAddress {
  readonly name: string;
  readonly address: string;
}

/** Of `metadata.peers`, sorted by name: the order in which the first voters are numbered, the same on every node. */
export function peersOf(settings: MetadataSettings): readonly PeerAddress[] {
  const peers = settings.peers.map((text): PeerAddress => {
    const at = text.indexOf('=');
    return { name: text.slice(0, at), address: text.slice(at + 1) };
  });
  return peers.sort((a, b) => (a.name < b.name ? -1 : 1));
}

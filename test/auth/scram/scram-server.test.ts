import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ScramServer, type ScramStep } from '../../../src/auth/scram/scram-server.js';
import { makeScramKeys, parseScramKeys, type ScramMechanism } from '../../../src/auth/scram/stored-keys.js';
import { ScramClient } from './scram-client.js';

const DECOY_KEY = Buffer.alloc(32, 7);

/** Words of a whole exchange as somebody else wrote them down. */
interface Script {
  readonly mechanism: ScramMechanism;
  readonly salt: string;
  readonly nonce: string;
  readonly words: readonly string[];
}

const SCRIPTS: readonly Script[] = [
  {
    // RFC 7677 §3.
    mechanism: 'SCRAM-SHA-256',
    salt: 'W22ZaJ0SNY7soEsUEjb6gQ==',
    nonce: '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
    words: [
      'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
      'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
      'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
    ],
  },
  {
    // The example that implementers of XMPP agreed on; the RFCs have none for SHA-512.
    mechanism: 'SCRAM-SHA-512',
    salt: 'Yin2FuHTt/M0kJWb0t9OI32n2VmOGi3m+JfjOvuDF88=',
    nonce: '02431b08-2f89-4bad-a4e6-80c0564ec865',
    words: [
      'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
      'r=rOprNGfwEbeRWgbNEkqO02431b08-2f89-4bad-a4e6-80c0564ec865,s=Yin2FuHTt/M0kJWb0t9OI32n2VmOGi3m+JfjOvuDF88=,i=4096',
      'c=biws,r=rOprNGfwEbeRWgbNEkqO02431b08-2f89-4bad-a4e6-80c0564ec865,p=Hc5yec3NmCD7t+kFRw4/3yD6/F3SQHc7AVYschRja+Bc3sbdjlA0eH1OjJc0DD4ghn1tnXN5/Wr6qm9xmaHt4A==',
      'v=BQuhnKHqYDwQWS5jAw4sZed+C9KFUALsbrq81bB0mh+bcUUbbMPNNmBIupnS2AmyyDnG5CTBQtkjJ9kyY4kzmw==',
    ],
  },
];

function text(step: ScramStep): string {
  return step.kind === 'failed' ? `failed: ${step.why}` : Buffer.from(step.data).toString();
}

async function serverFor(password: string, mechanism: ScramMechanism = 'SCRAM-SHA-256', name = 'user'): Promise<ScramServer> {
  const keys = parseScramKeys(await makeScramKeys(mechanism, password, Buffer.from('0123456789abcdef'), 4096));
  assert.ok(keys !== null);
  return new ScramServer({ mechanism, decoyKey: DECOY_KEY, keysOf: (asked) => (asked === name ? keys : null) });
}

for (const { mechanism, salt, nonce, words } of SCRIPTS)
  test(`scram: the published exchange of ${mechanism} goes word by word`, async () => {
    const keys = parseScramKeys(await makeScramKeys(mechanism, 'pencil', Buffer.from(salt, 'base64'), 4096));
    const server = new ScramServer({ mechanism, decoyKey: DECOY_KEY, nonce, keysOf: (name) => (name === 'user' ? keys : null) });
    assert.equal(text(server.step(Buffer.from(words[0]))), words[1]);
    const last = server.step(Buffer.from(words[2]));
    assert.equal(last.kind, 'proven');
    assert.equal(text(last), words[3]);
  });

test('scram: the right password proves itself, a wrong one does not, and an exchange is over with its last word', async () => {
  for (const mechanism of ['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const)
    for (const [password, kind] of [
      ['s3cret', 'proven'],
      ['s3cres', 'failed'],
    ] as const) {
      const server = await serverFor('s3cret', mechanism);
      const client = new ScramClient(mechanism, 'user', password);
      const final = Buffer.from(client.final(text(server.step(Buffer.from(client.first)))));
      const last = server.step(final);
      assert.equal(last.kind, kind);
      if (kind === 'proven') assert.equal(text(last), client.expected);
      assert.equal(text(server.step(final)), 'failed: malformed', 'the same word again proves nothing');
    }
});

test('scram: a nonce that is not the one we made is refused, though everything else is right', async () => {
  const server = await serverFor('pw');
  const client = new ScramClient('SCRAM-SHA-256', 'user', 'pw');
  const first = text(server.step(Buffer.from(client.first)));
  const forged = first.replace(/r=abc[^,]*/, 'r=abcdef'); // Kafka's CVE-2024-56128: proven over another nonce.
  assert.equal(text(server.step(Buffer.from(client.final(forged)))), 'failed: wrong');
});

test('scram: channel binding: n and y are taken, p is refused, and what was said first must be what was signed', async () => {
  const outcome = async (header: string, channel: string): Promise<string> => {
    const server = await serverFor('pw');
    const client = new ScramClient('SCRAM-SHA-256', 'user', 'pw', header);
    const first = server.step(Buffer.from(client.first));
    if (first.kind !== 'continue') return text(first);
    const last = server.step(Buffer.from(client.final(text(first), channel)));
    return last.kind === 'failed' ? text(last) : last.kind;
  };
  assert.equal(await outcome('n,,', 'n,,'), 'proven');
  assert.equal(await outcome('y,,', 'y,,'), 'proven');
  assert.equal(await outcome('n,,', 'y,,'), 'failed: wrong');
  assert.equal(await outcome('p=tls-unique,,', 'p=tls-unique,,'), 'failed: channel-binding');
});

test('scram: a user that is not there gets the same salt each time, another than its neighbour, and never in', async () => {
  const first = (server: ScramServer, name: string): string => text(server.step(Buffer.from(`n,,n=${name},r=abc`)));
  const saltOf = async (name: string): Promise<string> => /s=([^,]+),i=15000$/.exec(first(await serverFor('pw'), name))?.[1] ?? '';
  assert.equal(Buffer.from(await saltOf('ghost'), 'base64').length, 16);
  assert.equal(await saltOf('ghost'), await saltOf('ghost'));
  assert.notEqual(await saltOf('ghost'), await saltOf('other'));
  const server = await serverFor('pw');
  const client = new ScramClient('SCRAM-SHA-256', 'ghost', 'pw');
  assert.equal(text(server.step(Buffer.from(client.final(first(server, 'ghost'))))), 'failed: wrong');
});

test('scram: names are unescaped and prepared, and one may only be itself', async () => {
  const server = await serverFor('pw', 'SCRAM-SHA-256', 'a,b=c');
  const client = new ScramClient('SCRAM-SHA-256', 'a=2Cb=3Dc', 'pw', 'n,a=a=2Cb=3Dc,');
  assert.equal(server.step(Buffer.from(client.final(text(server.step(Buffer.from(client.first)))))).kind, 'proven');
  assert.equal(server.userName, 'a,b=c');
  const prepared = await serverFor('pw', 'SCRAM-SHA-256', 'IX');
  prepared.step(Buffer.from('n,,n=I\u00adX,r=abc')); // RFC 4013 §3: I, a soft hyphen, X.
  assert.equal(prepared.userName, 'IX');
  assert.equal(text((await serverFor('pw')).step(Buffer.from('n,a=admin,n=user,r=abc'))), 'failed: wrong');
});

test('scram: words that the grammar does not have are refused, whatever they are', async () => {
  const bad = [
    '',
    'n',
    'n,,',
    'n,,n=,r=a',
    'n,,r=a,n=u',
    'x,,n=u,r=a',
    'n,,m=1,n=u,r=a',
    'n,,n=u=2c,r=a',
    'n,,n=u',
    'n,,n=u\u0000,r=a',
    'n,,n=u,r=a b',
  ];
  for (const word of bad) assert.equal(text((await serverFor('pw')).step(Buffer.from(word))), 'failed: malformed', word);
  assert.equal(text((await serverFor('pw')).step(Buffer.alloc(4096, 0x6e))), 'failed: malformed');
  assert.equal(text((await serverFor('pw')).step(Uint8Array.of(0xff, 0xfe))), 'failed: malformed');
  for (const word of ['', 'c=biws', 'c=biws,r=a', 'c=biws,r=a,p=', 'r=a,c=biws,p=aa==']) {
    const server = await serverFor('pw');
    server.step(Buffer.from('n,,n=user,r=abc'));
    assert.equal(text(server.step(Buffer.from(word))), 'failed: malformed', word);
  }
});

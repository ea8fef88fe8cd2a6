import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { ServiceError as CallError } from '@grpc/grpc-js';
import { Client, credentials, status } from '@grpc/grpc-js';
import type { ForwardOutcome } from '../../../src/metadata/peers/forwards.js';
import type { PeerTls } from '../../../src/metadata/peers/peer-transport.js';
import { eventually } from '../../resilience/deadline.js';
import { type Certificates, makeCertificates } from '../grpc/certificates.js';
import { BadWire } from './bad-wire.js';
import { numbered, PeerNode, RawPeer } from './peer-node.js';

const certificates: Certificates | null = makeCertificates();
const options = { skip: certificates === null ? 'there is no openssl here' : false };

function tlsOf(pair: 'server' | 'client' | 'stranger'): PeerTls {
  assert.ok(certificates !== null);
  return { ...certificates[pair], ca: certificates.ca };
}

async function expectNoWay(context: TestContext, one: PeerNode, two: PeerNode): Promise<void> {
  two.admit = () => assert.fail('a hello came through');
  const wire = await BadWire.to(context, two.address);
  one.transport.setPeers(new Map([[2, wire.address]]));
  let outcome: ForwardOutcome | undefined;
  one.transport.forward(2, Buffer.of(1), 500, (given) => {
    outcome = given;
  });
  await eventually('it was tried a few times', () => wire.connections >= 4);
  assert.ok(!one.transport.isConnected(2));
  assert.equal(outcome, 'not-sent');
}

test('peer TLS: nodes whose certificates the same authority signed are connected', options, async (context) => {
  const [one, two] = [await PeerNode.start(context, 1, tlsOf('client')), await PeerNode.start(context, 2, tlsOf('server'))];
  await one.dial(2, two.address);
  await two.dial(1, one.address);
  one.transport.send(2, [numbered(1, 1000)]);
  await eventually('it arrives', () => two.messages.length === 1);
});

test('peer TLS: a node that shows the certificate of another authority does not come in', options, async (context) => {
  const [one, two] = [await PeerNode.start(context, 1, tlsOf('stranger')), await PeerNode.start(context, 2, tlsOf('server'))];
  await expectNoWay(context, one, two);
});

test('peer TLS: a node does not speak to a server with the certificate of another authority', options, async (context) => {
  const [one, two] = [await PeerNode.start(context, 1, tlsOf('client')), await PeerNode.start(context, 2, tlsOf('stranger'))];
  await expectNoWay(context, one, two);
});

test('peer TLS: a node without a certificate does not come in, nor does one with it to a port without', options, async (context) => {
  const [plain, safe] = [await PeerNode.start(context, 1), await PeerNode.start(context, 2, tlsOf('server'))];
  await expectNoWay(context, plain, safe);
  const [other, open] = [await PeerNode.start(context, 1, tlsOf('client')), await PeerNode.start(context, 2)];
  await expectNoWay(context, other, open);
});

test(
  "peer TLS: on the same port somebody without a certificate, or with a stranger's, reaches other methods and no peer",
  options,
  async (context) => {
    assert.ok(certificates !== null);
    const { ca, stranger } = certificates;
    const two = await PeerNode.start(context, 2, tlsOf('server'));
    two.admit = () => assert.fail('nobody greets');
    for (const how of [credentials.createSsl(ca), credentials.createSsl(ca, stranger.key, stranger.cert)]) {
      const raw = new RawPeer(context, two.address, how);
      await eventually('it is turned away', () => raw.isOver);
      assert.equal(raw.code, status.UNAUTHENTICATED);
      const client = new Client(two.address, how);
      context.after(() => client.close());
      const identity = (bytes: Buffer): Buffer => bytes;
      const error = await new Promise<CallError | null>((resolve) => {
        client.makeUnaryRequest('/robustmq.v1.Cluster/Status', identity, identity, Buffer.of(), (failure) => resolve(failure));
      });
      assert.equal(error?.code, status.UNIMPLEMENTED, 'the server answers: it has no such method here');
    }
    assert.deepEqual(two.events(), ['metadata.no-certificate', 'metadata.no-certificate']);
    assert.equal(two.transport.door.guestCount, 0);
  },
);

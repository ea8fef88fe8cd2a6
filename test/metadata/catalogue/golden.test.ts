import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Catalogue } from '../../../src/metadata/catalogue/catalogue.js';
import { decodeBatch, encodeBatch } from '../../../src/metadata/catalogue/command-codec.js';
import type { Command, CommandKind } from '../../../src/metadata/catalogue/commands.js';
import { ALL_SAMPLES, AT_MS, Machine, PUT_SAMPLES, SAMPLES } from './samples.js';

/*
  Bytes as they are in logs and snapshots that somebody has. They never change: a version that adds a field reads those of EARLIER ones, with the
  field's value for older logs, and gets golden bytes of its own beside them. Each batch has one command; its head is

    01 | 018bcfe56800 = 1,700,000,000,000 ms | 01 command | length | flags | kind
*/

const HEAD = '01018bcfe5680001';

const COMMANDS: Readonly<Record<CommandKind, string>> = {
  'initialise-cluster':
    '3b0001052430653666316331612d366164302d346630622d396135372d32663166356436663030303105706c616e740b7368613235363a3030666601',
  'change-cluster': '0d00020407706c616e7420320000',
  'register-node':
    '43000307012430653666316331612d366164302d346630622d396135372d32663166356436663030303101610d31302e302e302e313a313232380300010205302e312e30',
  'change-node': '1e0004080101610d31302e302e302e323a31323238010005302e322e300100',
  'put-tenant': '1d000603030461636d6508e807000000000000ac02075ac3bc7269636801',
  'create-stream':
    '42000802090764656661756c74066576656e747304000400038088b2a0028080808004000000010f736974652f2b2f6576656e74732f23097b6c6576656c3a327d0102',
  'change-stream': '33000903090764656661756c74066576656e747308000400038088b2a002808080800400000000097b6c6576656c3a327d010200',
  'put-shape': '09000b03040110030401',
  'place-group': '0b000c030381800101010100',
  'commit-offsets': '28000e050764656661756c740762696c6c696e67070205010080010000050107808080808020060178',
  'put-schema': '2c001003040764656661756c740b74656d706572617475726500117b2274797065223a226e756d626572227d01',
  'put-user':
    '51002003060764656661756c74056ac3bc726716246172676f6e32696424763d3139246d3d363535333601000123534352414d2d5348412d32353624343039363a51535843522b513673656b386266393201',
  'put-acl-rule': '31002203090764656661756c7407646576696365730a0102020a31302e302e302e302f3802000105612f2b2f230201020100',
  'put-ban': '26002403060764656661756c7403056261642d2ae8d795ffbc3105666c6f6f640561646d696e00',
  'put-retained-settings': '16002603050764656661756c74e8078080408080040000',
  'put-auto-subscription': '1d002803070764656661756c74036f776e07746f2f25632f230101000200',
  'put-topic-rewrite': '2b002a03070764656661756c74036f6c640102056f6c642f230a5e6f6c642f282e2b2924066e65772f243100',
  'put-connector': '25002c03050764656661756c74046c616b650273330e7b226275636b6574223a2262227d0100',
  'put-rule': '2f002e03050764656661756c7403686f741353454c454354202a2046524f4d2022612f2322085b226c616b65225d0000',
  'put-setting': '220030030300156d7174742e6f75747075745f686967685f6d61726b05363535333601',
  'delete-setting': '1c0031030200156d7174742e6f75747075745f686967685f6d61726b00',
  'delete-rule': '11002f03020764656661756c7403686f7400',
  'delete-connector': '12002d03020764656661756c74046c616b6500',
  'delete-topic-rewrite': '11002b03020764656661756c74036f6c6400',
  'delete-auto-subscription': '11002903020764656661756c74036f776e00',
  'delete-retained-settings': '0d002703010764656661756c7400',
  'delete-ban': '14002503030764656661756c7403056261642d2a00',
  'delete-acl-rule': '15002303020764656661756c74076465766963657300',
  'delete-user': '13002103020764656661756c74056ac3bc726700',
  'delete-schema': '1a001103030764656661756c740b74656d70657261747572650100',
  'delete-group': '15000f03020764656661756c740762696c6c696e6700',
  'unplace-group': '08000d030181800100',
  'delete-stream': '14000a03020764656661756c74066576656e747300',
  'delete-tenant': '0a000703010461636d6500',
  'remove-node': '050005030100',
  import:
    '4600120504808080800401090108696d706f7274656404000400038088b2a0028080808004000000010f736974652f2b2f6576656e74732f23097b6c6576656c3a327d01020103',
};

/** As a version before it wrote them: without the fields that came later, which have their value for older logs now. */
const EARLIER: readonly (readonly [hex: string, command: Command])[] = [
  [
    '2c002003050764656661756c74056ac3bc726716246172676f6e32696424763d3139246d3d3635353336010001',
    { ...SAMPLES['put-user'], value: { ...SAMPLES['put-user'].value, scram: [] } },
  ],
];

const EARLIER_USER = '000204050764656661756c74056ac3bc726716246172676f6e32696424763d3139246d3d363535333601000d';

const STATE: readonly string[] = [
  '00010106170380d095ffbc3102038080808004',
  '000201042430653666316331612d366164302d346630622d396135372d32663166356436663030303107706c616e74203280d095ffbc310003',
  '00020208012430653666316331612d366164302d346630622d396135372d32663166356436663030303101610d31302e302e302e323a31323238010005302e322e300180d095ffbc3105',
  '000203030764656661756c740800000000000000000001030461636d6508e807000000000000ac02075ac3bc7269636806',
  '000204060764656661756c74056ac3bc726716246172676f6e32696424763d3139246d3d363535333601000123534352414d2d5348412d32353624343039363a51535843522b513673656b38626639320d',
  '000205090764656661756c7407646576696365730a0102020a31302e302e302e302f3802000105612f2b2f23020102010e',
  '000206060764656661756c7403056261642d2ae8d795ffbc3105666c6f6f640561646d696e0f',
  '0002070a0764656661756c7401066576656e747308000400038088b2a002808080800400000000097b6c6576656c3a327d010208',
  '000208020280d095ffbc3117',
  '000209040110030409',
  '00020a038180010101010a',
  '00020b030764656661756c740762696c6c696e67070b',
  '00020c080764656661756c740762696c6c696e6701008001000080d095ffbc310b080764656661756c740762696c6c696e67010780808080802006017880d095ffbc310b',
  '00020d050764656661756c74e8078080408080040010',
  '00020e070764656661756c74036f776e07746f2f25632f230101000211',
  '00020f070764656661756c74036f6c640102056f6c642f230a5e6f6c642f282e2b2924066e65772f243112',
  '000210050764656661756c74046c616b650273330e7b226275636b6574223a2262227d0113',
  '000211050764656661756c7403686f741353454c454354202a2046524f4d2022612f2322085b226c616b65225d0014',
  '000212030764656661756c740b74656d7065726174757265010c',
  '000213050764656661756c740b74656d706572617475726500117b2274797065223a226e756d626572227d010c',
  '0002140300156d7174742e6f75747075745f686967685f6d61726b05363535333615',
  '0003eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee01020200',
  '00041616',
];

test('golden: every kind of command is written as in this version, and read', () => {
  for (const command of ALL_SAMPLES) {
    const data = encodeBatch({ atMs: AT_MS, envelopes: [{ command, requestId: null }] });
    assert.equal(Buffer.from(data).toString('hex'), HEAD + COMMANDS[command.kind], command.kind);
    assert.deepEqual(decodeBatch(Buffer.from(HEAD + COMMANDS[command.kind], 'hex')).envelopes[0].command, command);
  }
});

test('golden: commands of earlier versions are read', () => {
  for (const [hex, command] of EARLIER)
    assert.deepEqual(decodeBatch(Buffer.from(HEAD + hex, 'hex')).envelopes[0].command, command, command.kind);
});

test('golden: a request id stands before the kind', () => {
  const requestId = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');
  const data = encodeBatch({ atMs: 1, envelopes: [{ command: SAMPLES['remove-node'], requestId }] });
  assert.equal(Buffer.from(data).toString('hex'), `01000000000001${'01'}${'15'}01${requestId.toString('hex')}05030100`);
});

test('golden: a snapshot of every kind of record is written as in this version, and read', () => {
  const machine = new Machine();
  const id = Buffer.alloc(16, 0xee);
  machine.applyBatch(PUT_SAMPLES.map((command, index) => ({ command, requestId: index === 0 ? id : null })));
  machine.accept({ ...SAMPLES['create-stream'], stream: { ...SAMPLES['create-stream'].stream, name: 'gone' } });
  machine.accept({ ...SAMPLES['delete-stream'], key: { ...SAMPLES['delete-stream'].key, name: 'gone' } });
  for (const [kind, count] of Object.entries(machine.catalogue.reader.counts())) assert.ok(count > 0, `a record of the kind ${kind}`);
  const chunks = machine.snapshot().map((chunk) => chunk.toString('hex'));
  assert.deepEqual(chunks, STATE);
  const copy = new Catalogue({ onDelta: () => undefined });
  copy.restore(STATE.map((chunk) => Buffer.from(chunk, 'hex')));
  assert.deepEqual(copy.reader.counts(), machine.catalogue.reader.counts());
  assert.deepEqual(
    [...copy.capture()].map((chunk) => Buffer.from(chunk).toString('hex')),
    chunks,
  );
});

test('golden: a snapshot of a version whose users had no keys for SCRAM is read', () => {
  const copy = new Catalogue({ onDelta: () => undefined });
  const at = STATE.findIndex((chunk) => chunk.startsWith('000204'));
  copy.restore(STATE.with(at, EARLIER_USER).map((chunk) => Buffer.from(chunk, 'hex')));
  const { tenant, name } = SAMPLES['put-user'].value;
  assert.deepEqual(copy.reader.get('user', { tenant, name }), { ...SAMPLES['put-user'].value, scram: [], revision: 13 });
});

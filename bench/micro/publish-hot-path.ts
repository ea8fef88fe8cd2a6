import { assert } from '../../src/base/assert.js';
import { publishFrames } from './frames.js';
import { MqttStage } from './mqtt-stage.js';
import type { MicroSuite, MicroTask } from './suite.js';

const TOPIC = 'bench/device/17/temperature';
const FILTER = 'bench/+/17/#';
const FRAMES = 32;

/** From the row of a run of PUBLISH frames to the last command, the transport left out. */
export const suite: MicroSuite = {
  name: 'publish hot path',
  open: () => [
    unheard(),
    spreading('QoS 0 to 1000 receivers: one command, per message', 1000, 0),
    spreading('QoS 1 to 1 receiver and its PUBACKs', 1, 1),
    spreading('QoS 1 to 100 receivers and their PUBACKs, per delivery', 100, 1),
  ],
};

function unheard(): MicroTask {
  const stage = new MqttStage(TOPIC);
  const publisher = stage.connect(4, '', 0);
  const frames = publishFrames(FRAMES, 4, 1, TOPIC);
  return { name: 'QoS 1 to nobody', operations: FRAMES, run: () => stage.publish(publisher, frames, FRAMES) };
}

function spreading(name: string, receiverCount: number, qos: 0 | 1): MicroTask {
  const stage = new MqttStage(TOPIC);
  const receivers = Array.from({ length: receiverCount }, () => stage.connect(4, FILTER, qos));
  const publisher = stage.connect(4, '', 0);
  const frames = publishFrames(FRAMES, 4, qos, TOPIC);
  return {
    name,
    operations: qos === 0 ? FRAMES : FRAMES * receiverCount,
    run: () => {
      stage.lastPacketId = 0;
      stage.publish(publisher, frames, FRAMES);
      if (qos === 0) return;
      assert(stage.lastPacketId > 0, 'the receivers got it');
      // All receivers do the same from the start, so they are at the same packet id.
      for (const receiver of receivers) stage.acknowledge(receiver, stage.lastPacketId, FRAMES);
    },
  };
}

import { BrokerError } from '../../base/errors.js';
import type { OnWebSocket, WsEngine, WsEngineKind, WsEngineOptions } from './engine.js';
import { loadUws } from './uws-binary.js';
import { UwsEngine } from './uws-engine.js';
import { WsNodeEngine } from './ws-engine.js';

export interface WsEngineChoice {
  readonly kind: WsEngineKind;
  /** One sentence for the log and the status page. */
  readonly reason: string;
}

/**
 * Which engine every shard of this node uses; the main thread decides once.
 * @param setting `mqtt.ws.engine`. `auto` takes uWebSockets.js where its binary is the one that was checked.
 */
export async function chooseWsEngine(setting: 'auto' | 'uws' | 'ws'): Promise<WsEngineChoice> {
  if (setting === 'ws') return { kind: 'ws', reason: 'ws, as mqtt.ws.engine says' };
  const finding = await loadUws();
  if ('module' in finding) return { kind: 'uws', reason: 'uWebSockets.js (uws-pack 20.0.8), its binary is the one that was checked' };
  if (setting === 'uws') throw new BrokerError('RMQ-1017', `(mqtt.ws.engine = "uws"): ${finding.unusable}`);
  return { kind: 'ws', reason: `ws, because ${finding.unusable}` };
}

/** Serves, on the shard's thread. */
export async function openWsEngine(kind: WsEngineKind, options: WsEngineOptions, onOpen: OnWebSocket): Promise<WsEngine> {
  if (kind === 'ws') return WsNodeEngine.open(options, onOpen);
  const finding = await loadUws();
  if ('unusable' in finding) throw new BrokerError('RMQ-1017', `on this thread: ${finding.unusable}`);
  return UwsEngine.open(finding.module, options, onOpen);
}

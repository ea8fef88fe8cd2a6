import type { Logger } from '../../base/logger.js';

/*
  Alarms: states of the node that somebody should do something about. The list is closed, and each is told twice: when it is raised, and when it is over.

    state   looked at again and again. Raised when it has been bad for `holdMs`, over when it has been good for as long; between the
            two thresholds it stays what it was, so that a value at the threshold does not ring all night.
    event   raised when it happens, over when it has not happened for `eventStaysMs`.
*/

export const ALARMS = {
  'high-cpu': 'the process uses more of the processors than it should',
  'high-memory': 'the process uses more memory than it should',
  'disk-low': 'the disk of the data directory is nearly full',
  'disk-full': 'the journal takes no records, for the disk of the data directory is full',
  'descriptors-short': 'the process has no file descriptors left, and takes no connections',
  'connections-high': 'there are nearly as many connections as there may be',
  'overload-shedding': 'a shard has more to do than it can, and sheds work',
  'certificate-expiring': 'a certificate expires soon',
  'shard-restarted': 'a shard died and was replaced',
  'authentication-source-down': 'a source of authentication does not answer',
} as const;

export type AlarmName = keyof typeof ALARMS;

export interface Alarm {
  readonly name: AlarmName;
  /** What it is about, where there are several: a certificate, a shard. Empty: the node. */
  readonly subject: string;
  /** In words, with the figures. */
  readonly message: string;
  readonly activatedAtMs: number;
}

export interface PastAlarm extends Alarm {
  readonly deactivatedAtMs: number;
}

export interface AlarmsOptions {
  readonly holdMs: number;
  readonly eventStaysMs: number;
  readonly historyMax: number;
  readonly log: Logger;
  /** To whoever watches `$SYS`. */
  readonly tell: (change: 'activate' | 'deactivate', alarm: Alarm | PastAlarm) => void;
}

/** `between`: neither bad enough to raise it nor good enough to end it. */
export type AlarmState = 'bad' | 'between' | 'good';

/** Subjects of one alarm: more are one subject too many to name. */
const SUBJECTS_MAX = 100;

interface Watched {
  readonly name: AlarmName;
  readonly subject: string;
  active: Alarm | null;
  /** Since when the state has been other than the alarm says; -1: it is as it says. */
  differsSinceMs: number;
  /** Of an event: when it is over. 0: it is a state. */
  endsAtMs: number;
}

export class Alarms {
  readonly #options: AlarmsOptions;
  readonly #watched: Map<string, Watched> = new Map();
  readonly #past: PastAlarm[] = [];

  constructor(options: AlarmsOptions) {
    this.#options = options;
  }

  /** By name and subject. */
  get active(): readonly Alarm[] {
    const active = [...this.#watched.values()].flatMap((watched) => (watched.active === null ? [] : [watched.active]));
    return active.sort((left, right) => (`${left.name} ${left.subject}` < `${right.name} ${right.subject}` ? -1 : 1));
  }

  /** The last ones that are over, the newest first. */
  get past(): readonly PastAlarm[] {
    return [...this.#past].reverse();
  }

  /** What a look at a state showed. `message` is asked for when the alarm is raised. */
  look(name: AlarmName, subject: string, state: AlarmState, message: () => string, nowMs: number): void {
    const watched = this.#watch(name, subject);
    if (watched === null) return;
    const isActive = watched.active !== null;
    if (state === 'between' || (state === 'bad') === isActive) {
      watched.differsSinceMs = -1;
      return;
    }
    if (watched.differsSinceMs < 0) watched.differsSinceMs = nowMs;
    if (nowMs - watched.differsSinceMs < this.#options.holdMs) return;
    if (isActive) this.#end(watched, nowMs);
    else this.#raise(watched, message(), nowMs);
  }

  /** It happened. */
  happened(name: AlarmName, subject: string, message: string, nowMs: number): void {
    const watched = this.#watch(name, subject);
    if (watched === null) return;
    watched.endsAtMs = nowMs + this.#options.eventStaysMs;
    if (watched.active === null) this.#raise(watched, message, nowMs);
    else watched.active = { ...watched.active, message };
  }

  /** Ends what happened long enough ago, and forgets subjects that are well. */
  tick(nowMs: number): void {
    for (const [key, watched] of this.#watched) {
      if (watched.endsAtMs > 0 && watched.active !== null && watched.endsAtMs <= nowMs) this.#end(watched, nowMs);
      if (watched.active === null && watched.differsSinceMs < 0) this.#watched.delete(key);
    }
  }

  #watch(name: AlarmName, subject: string): Watched | null {
    const key = `${name} ${subject}`;
    const known = this.#watched.get(key);
    if (known !== undefined) return known;
    if (this.#watched.size >= SUBJECTS_MAX * Object.keys(ALARMS).length) return null;
    const watched: Watched = { name, subject, active: null, differsSinceMs: -1, endsAtMs: 0 };
    this.#watched.set(key, watched);
    return watched;
  }

  #raise(watched: Watched, message: string, nowMs: number): void {
    const { name, subject } = watched;
    const { log, tell } = this.#options;
    const alarm = { name, subject, message, activatedAtMs: nowMs };
    watched.active = alarm;
    watched.differsSinceMs = -1;
    log.warn('alarm.activated', `${ALARMS[name]}: ${message}`, { alarm: name, ...(subject === '' ? {} : { subject }) });
    tell('activate', alarm);
  }

  #end(watched: Watched, nowMs: number): void {
    const { active } = watched;
    if (active === null) return;
    const { log, tell, historyMax } = this.#options;
    const past = { ...active, deactivatedAtMs: nowMs };
    watched.active = null;
    watched.differsSinceMs = -1;
    watched.endsAtMs = 0;
    this.#past.push(past);
    while (this.#past.length > historyMax) this.#past.shift();
    log.info('alarm.deactivated', `no longer: ${ALARMS[active.name]}`, {
      alarm: active.name,
      ...(active.subject === '' ? {} : { subject: active.subject }),
    });
    tell('deactivate', past);
  }
}

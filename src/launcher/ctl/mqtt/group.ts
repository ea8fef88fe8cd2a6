import type { VerbGroup } from '../verb.js';
import { ACL } from './acl.js';
import { ALARM_VERBS } from './alarms.js';
import { AUTO_SUBSCRIBE } from './auto-subscriptions.js';
import { BAN_VERBS } from './bans.js';
import { CLIENTS } from './clients.js';
import { DELAYED } from './delayed.js';
import { EXPLAIN_VERB } from './explain.js';
import { PUBLISH_VERB } from './publish.js';
import { RETAINED } from './retained.js';
import { REWRITES } from './rewrites.js';
import { SESSIONS } from './sessions.js';
import { SHARED_VERBS } from './shared.js';
import { SLOW } from './slow.js';
import { SUBSCRIBE_VERB } from './subscribe.js';
import { SUBSCRIPTIONS } from './subscriptions.js';
import { TENANT_VERBS } from './tenants.js';
import { TRACES } from './traces.js';
import { USERS } from './users.js';

/** `robust-ctl mqtt`. Add a group of verbs here, or a verb of its own to `verbs`. */
export const MQTT: VerbGroup = {
  topic: 'mqtt',
  summary: 'The MQTT broker: clients, sessions, messages, and who may do what',
  verbs: [PUBLISH_VERB, SUBSCRIBE_VERB, EXPLAIN_VERB],
  groups: [
    ALARM_VERBS,
    CLIENTS,
    SESSIONS,
    SUBSCRIPTIONS,
    SHARED_VERBS,
    DELAYED,
    RETAINED,
    USERS,
    ACL,
    BAN_VERBS,
    REWRITES,
    AUTO_SUBSCRIBE,
    SLOW,
    TENANT_VERBS,
    TRACES,
  ],
};

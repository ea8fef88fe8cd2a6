import { plainFilter } from '../base/tenant-names.js';
import type { SharedPolicies } from '../broker/shared/ports.js';
import type { MqttSettings } from '../settings/schema.js';

/** What the settings say of each shared subscription, whatever its tenant: the first entry of the list that fits, else the default of all. */
export function sharedPolicies(mqtt: MqttSettings): SharedPolicies {
  const { shared_groups, shared_subscription_strategy, queue_messages_max, queue_bytes_max } = mqtt;
  return (group, filter) => {
    const plain = plainFilter(filter);
    const found = shared_groups.find((entry) => entry.group === group && (entry.filter === '' || entry.filter === plain));
    const isOwn = found !== undefined && found.strategy !== 'default';
    return {
      strategy: isOwn ? found.strategy : shared_subscription_strategy,
      isDurable: found?.durable ?? false,
      keepMs: found?.keep ?? 0,
      messagesMax: found?.queue_messages_max || queue_messages_max,
      bytesMax: found?.queue_bytes_max || queue_bytes_max,
    };
  };
}

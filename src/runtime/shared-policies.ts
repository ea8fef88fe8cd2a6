import type { SharedPolicies } from '../broker/shared/ports.js';
import type { MqttSettings } from '../settings/schema.js';

/** What the settings say of each shared subscription: the first entry of the list that fits, else the default of all. */
export function sharedPolicies({ shared_groups, shared_subscription_strategy }: MqttSettings): SharedPolicies {
  return (group, filter) => {
    const found = shared_groups.find((entry) => entry.group === group && (entry.filter === '' || entry.filter === filter));
    const strategy = found === undefined || found.strategy === 'default' ? shared_subscription_strategy : found.strategy;
    return { strategy };
  };
}

/*
  What becomes the key of a record, of a topic like `site/7/pump/3`:

    {topic}               the whole topic; the default
    {level:2}             one level of it, counted from 1: `7`; empty if there is none
    {level:2}-{level:4}   `7-3`
*/

const PART = /\{([^{}]*)\}/g;
const LEVEL = /^level:([1-9]\d{0,4})$/;

export const WHOLE_TOPIC = '{topic}';

/** @returns what is wrong with the template, in words; null if nothing. */
export function faultOfTemplate(template: string): string | null {
  for (const [whole, name] of template.matchAll(PART))
    if (name !== 'topic' && !LEVEL.test(name)) return `${whole} is not known: there are {topic} and {level:N}`;
  if (/[{}]/.test(template.replace(PART, ''))) return 'a brace has no partner';
  return null;
}

/** The key that a template without faults makes of a topic. */
export function keyOf(template: string, topic: string): string {
  if (template === WHOLE_TOPIC) return topic;
  const levels = topic.split('/');
  return template.replace(PART, (_whole, name: string) =>
    name === 'topic' ? topic : (levels[Number(name.slice('level:'.length)) - 1] ?? ''),
  );
}

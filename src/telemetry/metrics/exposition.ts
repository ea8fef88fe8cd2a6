import type { HistogramSum } from './histogram.js';

/*
  The text format of Prometheus, version 0.0.4: families one after another, each with its help and type, and its samples together.

    # HELP robustmq_messages_dropped_total Messages that did not get where somebody wanted them
    # TYPE robustmq_messages_dropped_total counter
    robustmq_messages_dropped_total{reason="expired"} 2
*/

export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export type Labels = Readonly<Record<string, string>>;
export type FamilyKind = 'counter' | 'gauge' | 'histogram';

export class Exposition {
  readonly #lines: string[] = [];
  readonly #families = new Set<string>();
  #family = '';

  /** The samples that follow are of it. */
  family(name: string, kind: FamilyKind, help: string): void {
    if (this.#families.has(name)) throw new Error(`the family ${name} is written once`);
    this.#families.add(name);
    this.#family = name;
    this.#lines.push(`# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`, `# TYPE ${name} ${kind}`);
  }

  sample(labels: Labels, value: number): void {
    this.#lines.push(`${this.#family}${labelsText(labels)} ${valueText(value)}`);
  }

  histogram(labels: Labels, { buckets, count, sumSeconds }: HistogramSum): void {
    const name = this.#family;
    for (const [bound, upTo] of buckets) this.#lines.push(`${name}_bucket${labelsText({ ...labels, le: valueText(bound) })} ${upTo}`);
    this.#lines.push(`${name}_bucket${labelsText({ ...labels, le: '+Inf' })} ${count}`);
    this.#lines.push(`${name}_sum${labelsText(labels)} ${valueText(sumSeconds)}`, `${name}_count${labelsText(labels)} ${count}`);
  }

  get text(): string {
    return `${this.#lines.join('\n')}\n`;
  }
}

function labelsText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function valueText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  return String(value);
}

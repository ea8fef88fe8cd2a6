import type { MqttContext } from '../context.js';
import { type TraceSpec, Tracing } from './tracing.js';
import { TracingCommands } from './tracing-commands.js';

/** The traces that there are from now on; what those before have noted was taken. */
export function setTraces(context: MqttContext, specs: readonly TraceSpec[]): void {
  const { transport } = context;
  context.tracing = specs.length === 0 ? null : new Tracing(context, specs);
  context.commands = context.tracing === null ? transport.commands : new TracingCommands(context, transport.commands, context.tracing);
  context.sessionEpoch += 1; // Plans are made anew, and with them the lists, which the new sink has to know.
}

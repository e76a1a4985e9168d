/**
 * `-watch`: each change of the services, as a line on stdout, until a signal, the end of a call, or the end of the reader.
 *
 * By a signal, or without a reader, the exit code is that of the last statuses.
 */
import { printable } from "../../core/printable.js";
import { statusName } from "../../wire/health-messages.js";
import { goQuote } from "./go-format.js";
import { type AttemptDeps, openCalls } from "./probe-attempt.js";
import { probeClock } from "./probe-clock.js";
import type { ProbeIo } from "./probe-io.js";
import { EXIT, SERVING } from "./probe-outcome.js";
import { reportOf } from "./probe-report.js";

/** Resolves with the exit code. */
export async function watchStatuses(deps: AttemptDeps, io: ProbeIo): Promise<number> {
  const { settings, cancellation } = deps;
  const services = [...new Set(settings.services)];
  const ready = await openCalls(deps);
  const last = new Map<string, number>();
  const outcome =
    "failure" in ready
      ? ready.failure
      : await Promise.race(
          services.map((service) =>
            ready.calls.watch(service, (number) => {
              last.set(service, number);
              if (!io.out(lineOfChange(service, number, deps))) cancellation.cancel();
            }),
          ),
        );
  if ("connection" in ready) ready.connection.close();
  if (cancellation.isCancelled && last.size === services.length)
    return [...last.values()].every((number) => number === SERVING) ? EXIT.serving : EXIT.unhealthy;
  const report = reportOf([{ service: "", outcome }], settings);
  for (const line of report.lines) io.out(line);
  for (const line of report.errors) io.err(line);
  return report.exitCode;
}

function lineOfChange(service: string, number: number, { settings }: AttemptDeps): string {
  const time = new Date(probeClock.wallTime()).toISOString();
  const status = statusName(number);
  if (settings.isJson) return printable(JSON.stringify({ time, addr: settings.addr, service, status }));
  return settings.services.length === 1 ? `${time} ${status}` : `${time} ${status} ${goQuote(service)}`;
}

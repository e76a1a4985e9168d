/**
 * Metrics of one instance, for Prometheus.
 *
 *     channels --> tally (plain numbers) --.
 *                                           +--> page, when somebody asks
 *     registry, process -------------------'
 *
 * prom-client, which writes the page, takes as long to load as a tenth of the whole start of `serve`, and a process that
 * nobody scrapes has no use for it: it is loaded for the first page.
 */
import type { MetricsPage, MetricsSource } from "./metrics-page.js";
import { Tally } from "./tally.js";

/** What Prometheus scrapes. */
export interface Metrics {
  /** The page, in Prometheus' text format 0.0.4. */
  readonly text: () => Promise<string>;
  /** Stops counting. */
  close(): void;
}

/** Starts to count what one instance publishes. */
export function createMetrics(source: MetricsSource): Metrics {
  const tally = new Tally(source.reader.instance, source.clock);
  let loading: Promise<MetricsPage> | undefined;
  const load = async () => {
    const { MetricsPage } = await import("./metrics-page.js");
    return new MetricsPage(source, tally);
  };
  return {
    text: async () => {
      loading ??= load();
      return (await loading).text();
    },
    close: () => tally.close(),
  };
}

/** Probes a target as a runner does: with a deadline on the real clock. */
import type { ProbeContext, ProbeResult, Prober } from "../../src/probers/prober.js";

/** Far more than loopback needs, also on a loaded machine. */
export const TIMEOUT_MS = 10_000;

/** The time of a probe that begins now, without delays of this process. */
export function contextOf(timeoutMs: number, signal = AbortSignal.timeout(timeoutMs)): ProbeContext {
  const endsAt = performance.now() + timeoutMs;
  return { signal, timeoutMs, leftMs: () => endsAt - performance.now() };
}

/** Starts a probe that ends with a signal, also of a prober that has `cancel` instead. */
export function start(prober: Prober, signal: AbortSignal, timeoutMs: number): Promise<ProbeResult> {
  const probing = prober.probe(contextOf(timeoutMs, signal));
  const cancel = () => prober.cancel?.();
  if (signal.aborted) cancel();
  else signal.addEventListener("abort", cancel, { once: true });
  return probing;
}

export async function probe(prober: Prober, timeoutMs = TIMEOUT_MS): Promise<ProbeResult> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), timeoutMs);
  try {
    return await start(prober, abort.signal, timeoutMs);
  } finally {
    clearTimeout(timer);
  }
}

/** `pass`, or `fail` with its reason. */
export async function verdict(prober: Prober, timeoutMs?: number): Promise<string> {
  const { outcome, reason } = await probe(prober, timeoutMs);
  return reason === undefined ? outcome : `${outcome} ${reason}`;
}

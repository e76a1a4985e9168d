/**
 * Warns once a day while the server's own certificate is out of its time, or close to its end. A daemon may run for longer
 * than its certificate is valid.
 */
import { timeWarnings } from "../core/certificate-time.js";
import type { CancelTimer, Clock } from "../core/clock.js";
import { readCertificates } from "../core/tls-pair.js";

const DAY_MS = 86_400_000;

/** The certificate in use. */
export interface ServedCertificate {
  readonly cert: string;
  readonly certFile: string;
}

/** Calls `warn` for each warning, for the first time after a day. Returns a function that stops it. */
export function watchCertificate(
  { cert, certFile }: ServedCertificate,
  clock: Clock,
  warn: (text: string) => void,
): () => void {
  const chain = readCertificates(cert);
  let cancel: CancelTimer = () => {};
  const schedule = () => {
    cancel = clock.setTimer(DAY_MS, () => {
      schedule();
      for (const text of timeWarnings(chain, `the certificate ${certFile}`, clock.wallTime())) warn(text);
    });
  };
  schedule();
  return () => cancel();
}

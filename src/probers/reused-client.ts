/**
 * A prober on a client library: one client that is kept, and asked again and again.
 *
 * A kept client that fails says nothing of the target, which may have closed its connection long ago: a fresh one is
 * asked, and its word counts.
 */
import { BrokenCall } from "../client/broken-call.js";
import { resultOfBreak } from "./broken.js";
import { PASS, type ProbeContext, type ProbeResult, type Prober } from "./prober.js";

/** A client that is connected. */
export interface Client {
  /** Asks the server something that costs it nothing. */
  ask(): Promise<unknown>;
  /** Ends the connection at once, whatever runs on it. */
  destroy(): void;
}

/** How a client is made and its errors are read. */
export interface ClientKind {
  /** Connects. It must end at once when the signal is aborted, and reject then. */
  readonly connect: (context: ProbeContext) => Promise<Client>;
  /** What an error of the server's own means; `undefined` for errors of the connection. */
  readonly judge: (error: unknown) => ProbeResult | undefined;
  /** Keep the client. Default true. */
  readonly reuse: boolean | undefined;
}

/** A prober on a kept client. */
export function openReusedClient({ connect, judge, reuse = true }: ClientKind): Prober {
  let kept: Client | undefined;
  const askFresh = async (context: ProbeContext): Promise<void> => {
    const client = await connect(context);
    await askOn(client, context);
    if (reuse) kept = client;
    else client.destroy();
  };
  return {
    async probe(context) {
      const client = kept;
      kept = undefined;
      try {
        if (client === undefined || !(await isAlive(client, context))) await askFresh(context);
        else kept = client;
        return PASS;
      } catch (error) {
        return judge(error) ?? resultOfBreak(error);
      }
    },
    close() {
      kept?.destroy();
      kept = undefined;
    },
  };
}

/** Whether a kept client still gets an answer. What it fails of is not told: a fresh one will say. */
async function isAlive(client: Client, context: ProbeContext): Promise<boolean> {
  try {
    await askOn(client, context);
    return true;
  } catch (error) {
    if (context.signal.aborted) throw error;
    return false;
  }
}

/** Asks, until the deadline. A client that failed is of no use any more. */
async function askOn(client: Client, { signal }: ProbeContext): Promise<void> {
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => {
      client.destroy();
      reject(new BrokenCall("cancelled", "the deadline is over"));
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    await Promise.race([client.ask(), aborted]);
  } catch (error) {
    client.destroy();
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

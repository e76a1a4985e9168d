/** Starts a measured server on its core, and ends it. */
import type { Running } from "../../test/interop/peers.js";
import { pause } from "../../test/support/eventually.js";
import { freePort } from "../../test/support/free-port.js";
import { runMeasured } from "../measuring/cores.js";
import { ask } from "./ask.js";

/** The command that starts a server on a port. */
export type StartCommand = (port: number) => readonly [program: string, ...args: string[]];

export interface Server {
  readonly program: Running;
  readonly port: number;
}

/** The service of every request. */
export const SERVICE = "a.B";

const START_TIMEOUT_MS = 15_000;

/** Starts a server, measures it when it gives the right answer for `a.B`, and ends it. */
export async function withServer<Found>(
  command: StartCommand,
  answer: Buffer,
  measure: (server: Server) => Promise<Found>,
): Promise<Found> {
  const port = await freePort();
  const [file, ...args] = command(port);
  const program = runMeasured(file, args);
  try {
    await answering({ program, port }, SERVICE, answer);
    return await measure({ program, port });
  } finally {
    await program.stop();
  }
}

/** Resolves when the server gives that answer; rejects with its output when it ends before, or after 15 s. */
export async function answering({ program, port }: Server, service: string, answer: Buffer): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (!(await ask(port, service)).equals(answer)) {
    if (program.ended) throw new Error(`the server has ended: ${program.output.trim().slice(-500)}`);
    if (performance.now() > deadline)
      throw new Error(`the server does not serve: ${program.output.trim().slice(-500)}`);
    await pause(1);
  }
}

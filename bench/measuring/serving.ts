/** Waits for a started program. */
import { connect } from "node:net";
import type { Running } from "../../test/interop/peers.js";
import { eventually } from "../../test/support/eventually.js";

/** Resolves when connections to the port are accepted; rejects with the output of the program when it ends before. */
export function serving(program: Running, port: number): Promise<void> {
  const accepts = () =>
    new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("error", () => resolve(false));
      socket.once("connect", () => {
        socket.destroy();
        resolve(true);
      });
    });
  return eventually(async () => {
    if (program.ended) throw new Error(`the program has ended: ${program.output}`);
    return accepts();
  }, `port ${port} is open`);
}

/** An application that ends as one with terminus does: the signals are its arguments, or `exit-0` for an exit code of 0. */
import { createServer } from "node:http";
import { gracefulShutdown, Health } from "../../src/index.js";

const [end, ...signals] = process.argv.slice(2);
const health = new Health();
const server = createServer((_request, response) => response.end("application"));
health.attach(server);

/** What terminus calls `beforeShutdown`. */
health.onTransition(({ name, to }) => {
  if (name === "" && to === "NOT_SERVING") process.stdout.write(`drain while listening: ${server.listening}\n`);
});

function onSignal(): void {
  process.stdout.write(`onSignal while listening: ${server.listening}\n`);
}
async function onShutdown(): Promise<void> {
  process.stdout.write("onShutdown\n");
}

gracefulShutdown({
  health,
  servers: [server],
  hooks: [onSignal, onShutdown],
  signals: signals as NodeJS.Signals[], // the test gives names of signals
  drainDelayMs: 500,
  end: end === "exit-0" ? "by-itself" : "signal",
  log: () => {},
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (typeof address === "object") process.stdout.write(`port ${address?.port}\n`);
});

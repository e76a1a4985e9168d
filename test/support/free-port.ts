/** Ports for programs that take no port 0. */
import { createServer } from "node:net";

/** Below the ports that the kernel gives to outgoing connections: one of those could take ours before its server does. */
const [FIRST_PORT, LAST_PORT] = [15_000, 32_000];

/** A port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer().once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

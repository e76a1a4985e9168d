/**
 * A port whose connections are never made: the queue of its listener is full, and the kernel drops each further SYN.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import type { TestContext } from "node:test";
import { notOutlive } from "./not-outlive.js";

/** Listens, says so, and blocks its event loop: no connection is accepted. */
const LISTENER = `
  const [host, port] = process.argv.slice(1);
  require("node:net").createServer().listen({ host, port: Number(port), backlog: 1 }, () => {
    require("node:fs").writeSync(1, "listening");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });`;

/** Makes a port of loopback a black hole. It ends with the test. */
export async function openBlackHole(t: TestContext, host: string, port: number): Promise<void> {
  const child = spawn(process.execPath, ["-e", LISTENER, host, `${port}`], { stdio: ["ignore", "pipe", "inherit"] });
  notOutlive(child, () => child.kill("SIGKILL"));
  t.after(() => child.kill("SIGKILL"));
  await once(child.stdout, "data");
  for (let index = 0; index < 4; index += 1) {
    const socket = connect({ host, port }).on("error", () => {});
    t.after(() => socket.destroy());
  }
  await new Promise((resolve) => setTimeout(resolve, 200));
}

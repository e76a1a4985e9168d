/** Row A42: a client whose packets vanish, from a network namespace of its own. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Health } from "../../src/index.js";
import { eventually } from "../support/eventually.js";
import { portOf } from "../support/port-of.js";
import { describeEngines } from "./engines.js";
import { debian, grpcurl } from "./install.js";
import { Running, run } from "./peers.js";

const NAMESPACE = "healthbridge-test";
const LINK = "healthbridge0";
const PEER = "healthbridge1";
const [OURS, THEIRS] = ["10.213.77.1", "10.213.77.2"];

describeEngines("a black-holed client", (engine) => {
  const health = new Health();
  const directory = mkdtempSync(join(tmpdir(), "healthbridge-"));
  let ip = "";
  let watch: Running | undefined;
  let port = 0;

  const network = async (...args: string[]) => {
    const { code, stderr } = await run(ip, args);
    if (code !== 0) throw new Error(`ip ${args.join(" ")}: ${stderr}`);
  };

  const dismantle = async () => {
    await run(ip, ["link", "del", LINK]);
    await run(ip, ["netns", "del", NAMESPACE]);
  };

  before(async () => {
    ip = debian("ip", "iproute2");
    await dismantle(); // what an interrupted run has left would take this one's packets
    await network("netns", "add", NAMESPACE);
    await network("link", "add", LINK, "type", "veth", "peer", "name", PEER);
    await network("link", "set", PEER, "netns", NAMESPACE);
    await network("addr", "add", `${OURS}/24`, "dev", LINK);
    await network("link", "set", LINK, "up");
    await network("-n", NAMESPACE, "addr", "add", `${THEIRS}/24`, "dev", PEER);
    await network("-n", NAMESPACE, "link", "set", PEER, "up");
    const keepalive = { keepaliveTimeMs: 1000, keepaliveTimeoutMs: 1000 };
    const server = await health.listen([`${OURS}:0`], { engine, ...keepalive });
    port = portOf(server);
  });
  after(async () => {
    await watch?.stop();
    await health.shutdown({ drainDelayMs: 0, closeTimeoutMs: 100 });
    await dismantle();
    rmSync(directory, { recursive: true });
  });

  test("its watcher is removed after keepalive time and timeout [A42]", async () => {
    const args = ["-plaintext", "-d", "{}", `${OURS}:${port}`, "grpc.health.v1.Health/Watch"];
    watch = new Running(ip, ["netns", "exec", NAMESPACE, grpcurl(), ...args]);
    await eventually(() => health.watcherCount === 1, "the watch is open");
    await network("link", "set", LINK, "down");
    await eventually(() => health.watcherCount === 0, "the watch is gone", 15_000);
  });
});

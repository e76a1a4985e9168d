/** What HAProxy's agent-check is answered, over real connections. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { afterEach, beforeEach, describe, test } from "node:test";
import { systemClock } from "../../../src/core/clock.js";
import { parseListenEntry } from "../../../src/core/listen-point.js";
import { InstanceCatalog } from "../../../src/instances/catalog.js";
import type { InstanceFacts } from "../../../src/instances/instance.js";
import { type Listener, listen } from "../../../src/listener/listener.js";
import type { CheckState } from "../../../src/registry/ports.js";
import { Registry } from "../../../src/registry/registry.js";
import { HaproxyAgent } from "../../../src/transports/discovery/haproxy-agent.js";
import { inTime, pause } from "../../support/eventually.js";
import { VirtualClock } from "../../support/virtual-clock.js";

let registry: Registry;
let catalog: InstanceCatalog;
let agent: HaproxyAgent;
let listener: Listener;
const clock = new VirtualClock();

const facts = (check: string, services: readonly string[], weight = 1): InstanceFacts => {
  return { check, services, host: "192.0.2.1", port: 1, tags: [], meta: {}, weight };
};
const report = (name: string, state: CheckState) => {
  const lastResultAt = state === "pending" ? undefined : 1;
  const results = { reason: undefined, held: false, latencyMs: 1, lastResultAt, since: 1 };
  registry.report({ name, state, critical: true, counted: true, startup: true, services: [], ...results });
};
/** Instances of `orders` in these states, and a check of the same name as its own service. */
const show = (states: Readonly<Record<string, CheckState>>, weights: Readonly<Record<string, number>> = {}) => {
  for (const [name, state] of Object.entries(states)) report(name, state);
  const names = Object.keys(states);
  const instances = names.map((name) => facts(name, ["orders", ...(name === "alone" ? [name] : [])], weights[name]));
  catalog.set({ instances, services: ["orders", "alone", "empty"], awaited: new Set() });
};

const open = async (weights: boolean) => {
  agent = new HaproxyAgent({ catalog, reader: registry, clock, weights });
  const options = { clock: systemClock, instance: "agent-test", maxConnections: 3, sinks: { raw: agent.accept } };
  listener = await listen([parseListenEntry("127.0.0.1:0")], options);
};

/** Sends pieces, and resolves with all that comes until the end. */
async function ask(...pieces: readonly string[]): Promise<string> {
  const [address] = listener.addresses;
  assert.ok(address !== undefined && "port" in address);
  const socket = connect({ port: address.port, host: "127.0.0.1", allowHalfOpen: true });
  let answer = "";
  socket.on("data", (bytes) => {
    answer += bytes;
  });
  socket.on("error", () => {}); // `close` follows
  const closed = new Promise<void>((resolve) => socket.once("end", resolve).once("close", () => resolve()));
  for (const piece of pieces) {
    if (piece === "END") socket.end();
    else if (piece === "TIME") await pause(50).then(() => clock.advance(5_000));
    else socket.write(piece);
    await pause(5);
  }
  await inTime(closed, "the end of the answer");
  socket.destroy();
  return answer;
}

beforeEach(async () => {
  registry = new Registry({ clock, instance: "agent-test" });
  catalog = new InstanceCatalog({ reader: registry, clock });
  await open(false);
});

afterEach(() => listener.destroy());

describe("an instance", () => {
  const rows = {
    "that is healthy is up": ["passing", false, "up ready 100%\n"],
    "that is degraded is up: HAProxy would round half of the default weight to none": [
      "warning",
      false,
      "up ready 100%\n",
    ],
    "that fails is down": ["failing", false, "down ready\n"],
    "of unknown state gets no answer": ["pending", false, ""],
    "that is drained and healthy is drain": ["passing", true, "drain\n"],
    "that is drained and degraded is drain": ["warning", true, "drain\n"],
    "that is drained and fails is maint": ["failing", true, "maint\n"],
    "that is drained, of unknown state, gets no answer": ["pending", true, ""],
  } as const;
  for (const [title, [state, isDrained, answer]] of Object.entries(rows))
    test(title, async () => {
      show({ a: state, b: "passing" });
      registry.setDrained(new Set(isDrained ? ["a"] : []));
      catalog.refresh();
      assert.equal(await ask("a\n"), answer);
    });
});

describe("a service", () => {
  test("is up while one of its instances is healthy", async () => {
    show({ a: "failing", b: "passing", c: "failing" });
    assert.equal(await ask("orders\n"), "up ready 100%\n");
  });

  test("is down when all fail, and when its policy says so", async () => {
    show({ a: "failing", b: "failing" });
    assert.equal(await ask("orders\n"), "down ready\n");
    show({ a: "failing", b: "passing" });
    registry.set("orders", "NOT_SERVING");
    assert.equal(await ask("orders\n"), "down ready\n", "a quorum of two");
  });

  test("is not down because this process is drained", async () => {
    show({ a: "passing" });
    registry.set("orders", "SERVING");
    registry.drain();
    assert.equal(await ask("orders\n"), "up ready 100%\n");
  });

  test("is drain when it is drained", async () => {
    show({ a: "passing", b: "failing" });
    registry.setDrained(new Set(["orders"]));
    catalog.refresh();
    assert.equal(await ask("orders\n"), "drain\n");
  });

  test("gets no answer while it is not known, and without instances", async () => {
    show({ a: "pending", b: "passing" });
    assert.equal(await ask("orders\n"), "");
    assert.equal(await ask("empty\n"), "");
  });

  test("of one instance is answered as that instance is", async () => {
    show({ alone: "passing", a: "failing" });
    assert.equal(await ask("alone\n"), "up ready 100%\n");
  });
});

describe("with weights", () => {
  beforeEach(async () => {
    await listener.destroy();
    await open(true);
  });

  const rows = {
    "a degraded instance takes half": [{ a: "warning" }, {}, "a", "up ready 50%\n"],
    "a service takes the share of its healthy instances": [
      { a: "passing", b: "passing", c: "failing", d: "warning" },
      {},
      "orders",
      "up ready 63%\n",
    ],
    "the share is by weight": [{ a: "passing", b: "failing" }, { a: 1, b: 3 }, "orders", "up ready 25%\n"],
    "a small share is not rounded to a drain": [
      { a: "passing", b: "failing" },
      { b: 9_999 },
      "orders",
      "up ready 1%\n",
    ],
    "an instance of unknown state takes nothing": [
      { a: "passing", b: "failing", c: "failing" },
      {},
      "orders",
      "up ready 33%\n",
    ],
  } as const satisfies Record<string, readonly [Record<string, CheckState>, Record<string, number>, string, string]>;
  for (const [title, [states, weights, name, answer]] of Object.entries(rows))
    test(title, async () => {
      show(states, weights);
      assert.equal(await ask(`${name}\n`), answer);
    });
});

describe("a line", () => {
  beforeEach(() => show({ a: "passing", b: "failing" }));

  const rows = {
    "may come byte by byte": [["a", "\n"], "up ready 100%\n"],
    "may end with CRLF": [["a\r\n"], "up ready 100%\n"],
    "may end with the stream": [["a", "END"], "up ready 100%\n"],
    "is the first of several": [["a\nb\n"], "up ready 100%\n"],
    "of an unknown name gets no answer": [["nix\n"], ""],
    "that is empty gets no answer": [["\n"], ""],
    "of nothing gets no answer": [["END"], ""],
    "that is not UTF-8 gets no answer": [["\u0000\u00ff\n"], ""],
    "of 254 bytes gets no answer": [[`${"a".repeat(254)}\n`], ""],
    "without an end is cut after 254 bytes": [["a".repeat(300)], ""],
    "that does not come within 5 s gets no answer": [["a", "TIME"], ""],
    "of a client that sends nothing gets no answer": [["TIME"], ""],
  } as const;
  for (const [title, [pieces, answer]] of Object.entries(rows))
    test(title, async () => assert.equal(await ask(...pieces), answer));
});

test("a client that does not close is ended after 5 s more", async () => {
  show({ a: "passing" });
  const [address] = listener.addresses;
  assert.ok(address !== undefined && "port" in address);
  const socket = connect({ port: address.port, host: "127.0.0.1", allowHalfOpen: true });
  socket.write("a\n");
  await inTime(new Promise((resolve) => socket.once("data", resolve)), "the answer");
  assert.equal(listener.connectionCount, 1);
  await clock.advance(5_000);
  await inTime(listener.whenIdle(), "the end of the connection");
  socket.destroy();
});

test("more connections than the limit are closed, and a TLS handshake is no line", async () => {
  show({ a: "passing" });
  const [address] = listener.addresses;
  assert.ok(address !== undefined && "port" in address);
  const { port } = address;
  const idle = [1, 2, 3].map(() => connect({ port, host: "127.0.0.1" }));
  await inTime(Promise.all(idle.map((socket) => new Promise((resolve) => socket.once("connect", resolve)))), "three");
  assert.equal(await ask("a\n"), "");
  for (const socket of idle) socket.destroy();
  await inTime(listener.whenIdle(), "the end of the three");
  assert.equal(await ask("\u0016\u0003\u0001\n"), "");
  assert.equal(await ask("a\n"), "up ready 100%\n");
});

test("at the end of the process nothing is answered: HAProxy keeps what it has", async () => {
  show({ a: "passing" });
  agent.end();
  assert.equal(await ask("a\n"), "");
  assert.equal(agent.answers, 0);
});

/** `udp` with real servers: dnsmasq and Unbound, chrony, memcached. The dialogues are those of docs/targets/udp.md. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { DialogueStep } from "../../src/probers/options.js";
import { openTarget, systemDeps } from "../../src/probers/schemes.js";
import { probe } from "../probers/probing.js";
import { eventually } from "../support/eventually.js";
import { freePort } from "../support/free-port.js";
import { installServers, startMemcached } from "./dialogue-servers.js";
import { debian } from "./install.js";
import { Running } from "./peers.js";

const folder = mkdtempSync(join(tmpdir(), "healthbridge-udp-"));
const servers = new Map<string, { readonly program: Running; readonly port: number }>();

type Start = (port: number, folder: string) => Running;

const configured = (program: string, args: readonly string[], path: string, lines: readonly string[]): Running => {
  writeFileSync(path, [...lines, ""].join("\n"));
  return new Running(program, [...args, path]);
};

const startChrony =
  (...more: string[]): Start =>
  (port, own) => {
    chmodSync(own, 0o750); // it refuses another mode
    const sockets = ["cmdport 0", `bindcmdaddress ${own}/command`, `pidfile ${own}/pid`];
    const lines = [`port ${port}`, "bindaddress 127.0.0.1", "allow 127.0.0.1", ...sockets, ...more];
    // -x: it does not touch the clock of this machine
    return configured(debian("chronyd", "chrony"), ["-d", "-x", "-u", "root", "-f"], join(own, "conf"), lines);
  };

const SERVERS: Readonly<Record<string, Start>> = {
  dnsmasq: (port) => {
    const own = ["--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root", "--pid-file="];
    const place = [`--port=${port}`, "--listen-address=127.0.0.1", "--bind-interfaces"];
    return new Running(debian("dnsmasq", "dnsmasq-base"), [...own, ...place, "--address=/shop.internal/10.0.0.7"]);
  },
  Unbound: (port, own) =>
    configured(debian("unbound"), ["-d", "-c"], join(own, "conf"), [
      ...["server:", "interface: 127.0.0.1", `port: ${port}`, 'username: ""', 'chroot: ""', `directory: "${own}"`],
      ...[`pidfile: "${own}/pid"`, "use-syslog: no", "do-daemonize: no", 'local-zone: "internal." static'],
      ...['local-data: "shop.internal. A 10.0.0.7"', "remote-control:", "control-enable: no"],
    ]),
  chrony: startChrony("local stratum 5"),
  "chrony, not synchronised": startChrony(),
  memcached: (port, own) => startMemcached({ port, folder: own }),
};

/** The query for the type A of a name of two labels, and the answer as in docs/targets/udp.md. */
const question = (host: string, domain: string, expect: DialogueStep["expect"]): readonly DialogueStep[] => {
  const name = [host, domain].map((label) => Buffer.from([label.length, ...Buffer.from(label)]).toString("hex"));
  return [{ send: { hex: `abcd 0100 0001 0000 0000 0000 ${name.join("")}00 0001 0001` }, ...(expect && { expect }) }];
};
const NO_ERROR = { matches: "^(?s)...[\\x80\\x00]" };
const SHOP = question("shop", "internal", NO_ERROR);
const TIME: readonly DialogueStep[] = [{ send: { hex: `23${"00".repeat(47)}` }, expect: { matches: "^[\\x1c\\x24]" } }];
const VERSION: readonly DialogueStep[] = [{ send: { hex: "0001000000010000 76657273696f6e0d0a" }, expect: "VERSION " }];

const ROWS: readonly (readonly [server: string, label: string, dialogue: readonly DialogueStep[], verdict: string])[] =
  [
    ["dnsmasq", "a name that exists", SHOP, "pass"],
    ["dnsmasq", "its address", question("shop", "internal", { hex: "0a000007" }), "pass"],
    ["dnsmasq", "a name that it refuses to resolve", question("other", "internal", NO_ERROR), "fail answer"],
    ["Unbound", "a name that exists", SHOP, "pass"],
    ["Unbound", "its address", question("shop", "internal", { hex: "0a000007" }), "pass"],
    ["Unbound", "another address", question("shop", "internal", { hex: "0a000008" }), "fail answer"],
    ["Unbound", "a name that does not exist", question("other", "internal", NO_ERROR), "fail answer"],
    ["chrony", "the time", TIME, "pass"],
    ["chrony", "no request of NTP", [{ send: "hello", expect: "hello" }], "fail timeout"],
    ["chrony, not synchronised", "the time", TIME, "fail answer"],
    ["memcached", "its version", VERSION, "pass"],
    ["memcached", "a request without the frame", [{ send: "version\r\n", expect: "VERSION" }], "fail timeout"],
  ];

async function verdictOf(server: string, dialogue: readonly DialogueStep[], timeoutMs?: number): Promise<string> {
  const { port } = servers.get(server) ?? assert.fail(server);
  const prober = openTarget(`udp://127.0.0.1:${port}`, systemDeps(), { dialogue });
  const { outcome, reason } = await probe(prober, timeoutMs);
  prober.close();
  return reason === undefined ? outcome : `${outcome} ${reason}`;
}

before(async () => {
  installServers();
  chmodSync(folder, 0o755);
  for (const [name, start] of Object.entries(SERVERS)) {
    const own = join(folder, name.replaceAll(/\W+/g, "-"));
    mkdirSync(own);
    const port = await freePort();
    servers.set(name, { port, program: start(port, own) });
  }
  const ask = { dnsmasq: SHOP, Unbound: SHOP, chrony: TIME, "chrony, not synchronised": TIME, memcached: VERSION };
  for (const [name, dialogue] of Object.entries(ask))
    await eventually(
      async () => /pass|answer/.test(await verdictOf(name, dialogue, 500)),
      `${name} answers: ${servers.get(name)?.program.output}`,
    );
});

after(async () => {
  await Promise.all([...servers.values()].map(({ program }) => program.stop()));
  rmSync(folder, { recursive: true });
});

for (const [server, label, dialogue, expected] of ROWS)
  test(`${server}, ${label}: ${expected}`, async () => {
    assert.equal(await verdictOf(server, dialogue, expected === "pass" ? undefined : 300), expected);
  });

describe("a frozen server is a timeout, and a dead one is refused at once", () => {
  for (const [server, dialogue] of [
    ["dnsmasq", SHOP],
    ["Unbound", SHOP],
    ["chrony", TIME],
    ["memcached", VERSION],
  ] as const)
    test(server, async () => {
      const { program } = servers.get(server) ?? assert.fail();
      await program.freeze();
      assert.equal(await verdictOf(server, dialogue, 300), "fail timeout");
      program.signal("SIGCONT");
      assert.equal(await verdictOf(server, dialogue), "pass");
      await program.stop();
      assert.equal(await verdictOf(server, dialogue), "fail refused");
    });
});

/** `healthbridge serve` with mTLS, while the rules for clients change by reload. Needs the build. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { connect, type SecureVersion } from "node:tls";
import { certify, createSubject } from "../support/certificates.js";
import { DaemonProcess } from "../support/daemon-process.js";
import { eventually } from "../support/eventually.js";

const authority = createSubject("CA");
const [server, client] = [createSubject("server"), createSubject("client")];
const ca = certify(authority);
const certificateOf = (name: string) => certify(client, { issuer: authority, hosts: [name] });

function folderOf(t: TestContext): (name: string, text: string) => string {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-tls-rules-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return (name, text) => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
}

/** What a client with a certificate of this name gets. */
function ask(port: number, name: string, maxVersion: SecureVersion = "TLSv1.3"): Promise<"served" | "refused"> {
  return new Promise((resolve) => {
    const identity = { ca, cert: certificateOf(name), key: client.key };
    const socket = connect({ port, host: "localhost", maxVersion, ...identity });
    socket.write("GET /healthcheck HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    socket.once("data", () => resolve("served"));
    socket.on("error", () => {}).once("close", () => resolve("refused"));
  });
}

for (const listenThread of [false, true])
  test(`a reload changes allowClients and minVersion at once, and a refusal is logged${listenThread ? ", with a listener thread" : ""}`, async (t) => {
    const write = folderOf(t);
    const pair = [
      write("tls.crt", certify(server, { issuer: authority, hosts: ["localhost"] })),
      write("tls.key", server.key),
    ];
    const files = `certFile: ${pair[0]}, keyFile: ${pair[1]}, clientCaFile: ${write("ca.crt", ca)}`;
    const configure = (rules: string) =>
      write(
        "c.yaml",
        `listen: ["127.0.0.1:0"]\nlistenThread: ${listenThread}\ntls: { ${files}${rules} }\ndrainDelay: 0s\n`,
      );
    const daemon = await DaemonProcess.serve("-c", configure(", allowClients: { dns: [a.example] }"));
    t.after(() => daemon.kill());
    const { port } = daemon;
    const reload = async (rules: string) => {
      const reloads = () => daemon.log.filter(({ event }) => event === "reloaded").length;
      const before = reloads();
      configure(rules);
      daemon.process.kill("SIGHUP");
      await eventually(() => reloads() > before, "reloaded");
    };
    assert.deepEqual([await ask(port, "a.example"), await ask(port, "b.example")], ["served", "refused"]);
    const line = () => daemon.log.find(({ event }) => event === "client-refused");
    await eventually(() => line() !== undefined, "the refusal is logged");
    assert.equal(line()?.msg, "a client was refused: no name of its certificate is in tls.allowClients (b.example)");
    assert.deepEqual([line()?.level, line()?.address, line()?.names], ["warn", "127.0.0.1", ["b.example"]]);

    await reload(", allowClients: { dns: [b.example] }, minVersion: 1.3");
    await eventually(async () => (await ask(port, "b.example")) === "served", "the new list");
    assert.deepEqual([await ask(port, "a.example"), await ask(port, "b.example", "TLSv1.2")], ["refused", "refused"]);

    await reload("");
    await eventually(async () => (await ask(port, "a.example", "TLSv1.2")) === "served", "no list, and TLS 1.2 again");
    assert.deepEqual(
      daemon.log.filter(({ event }) => event === "restart-needed"),
      [],
    );
  });

/** `healthbridge serve` while the files that its configuration names are replaced. Nothing signals it. Needs the build. */
import assert from "node:assert/strict";
import { once } from "node:events";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import { createServer as createHttps } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { connect, type TLSSocket } from "node:tls";
import { certify, createSubject, type Subject } from "../support/certificates.js";
import { DaemonProcess } from "../support/daemon-process.js";
import { eventually } from "../support/eventually.js";
import { readValue } from "../support/exposition.js";

/** A changed file is in use within 5 s. The machine of a test may be loaded. */
const WITHIN_MS = 20_000;

const HOSTS = ["localhost", "127.0.0.1"];
const [ROOT, OTHER_ROOT, SERVER, CLIENT] = ["Root", "Other Root", "server", "client"].map(createSubject) as [
  Subject,
  Subject,
  Subject,
  Subject,
];
const root = certify(ROOT);
const leafOf = (subject: Subject, issuer = ROOT) => certify(subject, { issuer, hosts: HOSTS });

function folderOf(t: TestContext): (name: string, text?: string) => string {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-rotation-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return (name, text) => {
    const path = join(folder, name);
    if (text !== undefined) writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
}

async function serve(t: TestContext, file: string): Promise<DaemonProcess> {
  const daemon = await DaemonProcess.serve("-c", file);
  t.after(() => daemon.kill());
  return daemon;
}

const count = (daemon: DaemonProcess, event: string) => daemon.log.filter((line) => line.event === event).length;
const portsOf = ({ addresses }: DaemonProcess) => addresses.map((address) => Number(address.split(":").at(-1)));
const LISTEN = `listen: ["127.0.0.1:0", "plain://127.0.0.1:0"]\ndrainDelay: 0s\n`;

async function metric(daemon: DaemonProcess, kind: string): Promise<number> {
  const page = await (await fetch(`http://127.0.0.1:${portsOf(daemon).at(-1)}/metrics`)).text();
  return readValue(page, "healthbridge_file_reload_failures_total", { file_kind: kind }) ?? 0;
}

/** The fingerprint of the certificate that a new connection gets. */
async function shown(port: number, client: { cert?: string; key?: string } = {}): Promise<string> {
  const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ...client });
  try {
    await once(socket, "secureConnect");
    return socket.getPeerCertificate().fingerprint256;
  } finally {
    socket.destroy();
  }
}

/** A target that records what its requests have, and answers only those that it expects. */
async function startTarget(t: TestContext, isExpected: (request: IncomingMessage) => boolean) {
  const server = createServer((request, response) => {
    response.statusCode = isExpected(request) ? 200 : 401;
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("files that change without a signal", { concurrency: 4 }, () => {
  test("the server's certificate and key are used for new connections, and open ones stay", async (t) => {
    const path = folderOf(t);
    const [first, second] = [createSubject("first"), createSubject("second")];
    const [cert, key] = [path("tls.crt", leafOf(first)), path("tls.key", first.key)];
    const file = path("healthbridge.yaml", `${LISTEN}tls: { certFile: ${cert}, keyFile: ${key} }\n`);
    const daemon = await serve(t, file);
    const [port = 0] = portsOf(daemon);
    const before = await shown(port);
    const open: TLSSocket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false });
    t.after(() => open.destroy());
    await once(open, "secureConnect");
    writeFileSync(cert, leafOf(second)); // without its key: the pair does not match
    await eventually(() => count(daemon, "file-reload-failed") === 1, "the pair is refused", WITHIN_MS);
    assert.equal(await shown(port), before);
    assert.ok((await metric(daemon, "certificate")) >= 1);
    writeFileSync(key, second.key);
    await eventually(async () => (await shown(port)) !== before, "the new pair is in use", WITHIN_MS);
    open.write("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
    const [answer] = await once(open, "data");
    assert.match(String(answer), /^HTTP\/1\.1 200/);
  });

  test("a Secret of Kubernetes, whose link is swapped, is used", async (t) => {
    const path = folderOf(t);
    const [first, second] = [createSubject("first"), createSubject("second")];
    for (const [name, subject] of [
      ["..1", first],
      ["..2", second],
    ] as const) {
      mkdirSync(path(name));
      path(`${name}/tls.crt`, leafOf(subject));
      path(`${name}/tls.key`, subject.key);
    }
    symlinkSync("..1", path("..data"));
    symlinkSync("..data/tls.crt", path("tls.crt"));
    symlinkSync("..data/tls.key", path("tls.key"));
    const file = path(
      "healthbridge.yaml",
      `${LISTEN}tls: { certFile: ${path("tls.crt")}, keyFile: ${path("tls.key")} }\n`,
    );
    const daemon = await serve(t, file);
    const [port = 0] = portsOf(daemon);
    const before = await shown(port);
    symlinkSync("..2", path("..data_tmp"));
    renameSync(path("..data_tmp"), path("..data"));
    await eventually(async () => (await shown(port)) !== before, "the new pair is in use", WITHIN_MS);
    assert.equal(count(daemon, "file-reload-failed"), 0);
  });

  test("the client CA: certificates of the new one are accepted, and those of the old one are refused", async (t) => {
    const path = folderOf(t);
    const ca = path("ca.crt", root);
    const tls = `{ certFile: ${path("c", leafOf(SERVER))}, keyFile: ${path("k", SERVER.key)}, clientCaFile: ${ca} }`;
    const daemon = await serve(t, path("healthbridge.yaml", `${LISTEN}tls: ${tls}\n`));
    const [port = 0] = portsOf(daemon);
    const isAccepted = async (issuer: Subject) => {
      const cert = certify(CLIENT, { issuer, isAuthority: false });
      const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, cert, key: CLIENT.key });
      socket.on("error", () => {});
      socket.write("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
      const isAnswered = await new Promise<boolean>((resolve) => {
        socket.once("data", () => resolve(true)).once("close", () => resolve(false));
      });
      socket.destroy();
      return isAnswered;
    };
    assert.deepEqual([await isAccepted(ROOT), await isAccepted(OTHER_ROOT)], [true, false]);
    writeFileSync(`${ca}.new`, certify(OTHER_ROOT));
    renameSync(`${ca}.new`, ca);
    await eventually(() => isAccepted(OTHER_ROOT), "the new CA is in use", WITHIN_MS);
    assert.equal(await isAccepted(ROOT), false);
  });

  test("the token: the new one is taken, and the old one is not taken any more", async (t) => {
    const path = folderOf(t);
    const token = path("token", "old-token\n");
    const daemon = await serve(t, path("healthbridge.yaml", `${LISTEN}tokenFile: ${token}\n`));
    const statusOf = async (word: string) => {
      const headers = { authorization: `Bearer ${word}` };
      return (await fetch(`http://127.0.0.1:${daemon.port}/metrics`, { headers })).status;
    };
    assert.equal(await statusOf("old-token"), 200);
    writeFileSync(token, "");
    await eventually(() => count(daemon, "file-reload-failed") === 1, "the empty file is refused", WITHIN_MS);
    assert.equal(await statusOf("old-token"), 200);
    writeFileSync(token, "new-token\n");
    await eventually(async () => (await statusOf("new-token")) === 200, "the new token is taken", WITHIN_MS);
    assert.equal(await statusOf("old-token"), 401);
  });

  test("a secret in a header of a target: the check keeps its state, and the configuration's file may be invalid", async (t) => {
    const path = folderOf(t);
    const secret = path("secret", "first");
    let expected = "first";
    const url = await startTarget(t, ({ headers }) => headers.authorization === `Bearer ${expected}`);
    const check = `{ target: "${url}", interval: 1s, timeout: 900ms, unhealthyThreshold: 20, headers: { authorization: "Bearer \${file:${secret}}" } }`;
    const file = path("healthbridge.yaml", `${LISTEN}checks: { a: ${check} }\n`);
    const daemon = await serve(t, file);
    const ask = async () => (await fetch(`http://127.0.0.1:${portsOf(daemon).at(-1)}/healthcheck/a`)).text();
    await eventually(async () => (await ask()) === "OK", "the check passes");
    writeFileSync(file, "checks: [\n");
    await eventually(() => count(daemon, "reload-refused") > 0, "the file is refused", WITHIN_MS);
    expected = "second";
    writeFileSync(secret, "second");
    await eventually(() => count(daemon, "file-reloaded") === 1, "the secret is renewed", WITHIN_MS);
    assert.equal(await ask(), "OK");
    await eventually(async () => {
      const page = await (await fetch(`http://127.0.0.1:${portsOf(daemon).at(-1)}/metrics`)).text();
      return (
        (readValue(page, "healthbridge_check_results_total", { check: "a", outcome: "pass", reason: "" }) ?? 0) >= 4
      );
    }, "probes pass with the new secret");
    const transitions = daemon.log.filter(({ event, name }) => event === "transition" && name === "a");
    assert.deepEqual(
      transitions.flatMap(({ reason }) => (reason === "changed" ? [reason] : [])),
      [],
    );
  });

  test("a torn file keeps its previous content, is reported once, and does not keep others from being renewed", async (t) => {
    const path = folderOf(t);
    const target = createHttps({ key: SERVER.key, cert: leafOf(SERVER) }, (_, response) => void response.end());
    await new Promise<void>((resolve) => target.listen(0, "127.0.0.1", resolve));
    t.after(() => {
      target.close();
      target.closeAllConnections();
    });
    const url = `https://127.0.0.1:${(target.address() as AddressInfo).port}`;
    const [ca, secret] = [path("ca.crt", root), path("secret", "one")];
    const checks = [
      `a: { target: "${url}", interval: 1s, timeout: 900ms, reuse: false, tls: { caFile: ${ca} } }`,
      `b: { target: "${url}", interval: 1s, timeout: 900ms, headers: { x-token: "\${file:${secret}}" }, tls: { caFile: ${path("o", root)} } }`,
    ];
    const daemon = await serve(t, path("healthbridge.yaml", `${LISTEN}checks:\n  ${checks.join("\n  ")}\n`));
    const ask = async () => (await fetch(`http://127.0.0.1:${portsOf(daemon).at(-1)}/healthcheck/a`)).text();
    await eventually(async () => (await ask()) === "OK", "the check passes");
    const breakings: readonly (() => void)[] = [() => truncateSync(ca, 200), () => unlinkSync(ca), () => mkdirSync(ca)];
    for (const [index, breakFile] of breakings.entries()) {
      breakFile();
      writeFileSync(secret, `secret ${index}`);
      await eventually(
        () => count(daemon, "file-reload-failed") === index + 1,
        `breaking ${index} is reported`,
        WITHIN_MS,
      );
      await eventually(() => count(daemon, "file-reloaded") === index + 1, `secret ${index} is renewed`, WITHIN_MS);
      assert.equal(await ask(), "OK");
    }
    assert.equal(await metric(daemon, "ca"), breakings.length);
    rmSync(ca, { recursive: true });
    writeFileSync(ca, certify(OTHER_ROOT) + readFileSync(path("o"), "utf8"));
    await eventually(() => count(daemon, "file-reloaded") === breakings.length + 1, "the bundle is renewed", WITHIN_MS);
    const lines = daemon.log.filter(({ event }) => event === "file-reload-failed");
    assert.ok(lines.every(({ file }) => file === ca) && !JSON.stringify(lines).includes("BEGIN"));
  });
});

/** `probe -spiffe`: a scripted agent of the Workload API, and servers with and without a SPIFFE ID. */
import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Http2Server } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Health } from "../../../src/index.js";
import { lengthDelimited } from "../../../src/wire/protobuf.js";
import { begin, framed, refuse } from "../../probers/targets.js";
import { certify, createSubject } from "../../support/certificates.js";
import { portOf } from "../../support/port-of.js";
import { RunningProbe } from "./probe-once.js";

const der = (pem: string) => new X509Certificate(pem).raw;

describe("probe -spiffe", () => {
  const health = new Health();
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-"));
  const socket = join(folder, "agent.sock");
  const authority = createSubject("the CA of example.org");
  const authorityCert = certify(authority);
  const stranger = createSubject("another CA");
  const workload = createSubject("a workload");
  const headers: unknown[] = [];
  let agent: Http2Server;
  let isRefusing = false;
  const addresses = new Map<string, string>();

  const response = () => {
    const key = createPrivateKey(workload.key).export({ type: "pkcs8", format: "der" });
    const id = "spiffe://example.org/probe";
    const cert = der(certify(workload, { issuer: authority, hosts: [id] }));
    const svid = [Buffer.from(id), cert, key, der(authorityCert)].map((part, index) =>
      lengthDelimited(index + 1, part),
    );
    const message = lengthDelimited(1, Buffer.concat(svid));
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(message.length, 1);
    return Buffer.concat([prefix, message]);
  };

  before(async () => {
    agent = createServer().on("stream", (stream, given) => {
      stream.on("error", () => {});
      headers.push([given[":path"], given["workload.spiffe.io"]]);
      if (isRefusing) refuse(stream, 7);
      else begin(stream, response());
    });
    await new Promise<void>((resolve) => agent.listen(socket, resolve));
    const serve = async (name: string, hosts: readonly string[], issuer = authority) => {
      const subject = createSubject(name);
      const tls = { cert: certify(subject, { issuer, hosts }), key: subject.key, clientCa: authorityCert };
      addresses.set(name, `127.0.0.1:${portOf(await health.listen(["127.0.0.1:0"], { tls }))}`);
    };
    await serve("ours", ["spiffe://example.org/server"]);
    await serve("another domain", ["spiffe://other.org/server"]);
    await serve("no id", ["127.0.0.1"]);
    await serve("another CA", ["spiffe://example.org/server"], stranger);
  });
  after(async () => {
    await health.shutdown({ drainDelayMs: 0 });
    agent.close();
    rmSync(folder, { recursive: true });
  });

  const probe = (addr: string, env: Readonly<Record<string, string>>, ...more: readonly string[]) =>
    new RunningProbe(["-addr", addr, "-spiffe", "-connect-timeout", "10s", "-rpc-timeout", "10s", ...more], env).ended;
  const withAgent = { SPIFFE_ENDPOINT_SOCKET: `unix://${socket}` };

  test("uses the SVID of the agent, and accepts a server of its trust domain", async () => {
    const { code, stderr } = await probe(addresses.get("ours") ?? "", withAgent, "-v");
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^SPIFFE Verifiable Identity Document \(SVID\): "spiffe:\/\/example.org\/probe"$/m);
    assert.deepEqual(headers[0], ["/SpiffeWorkloadAPI/FetchX509SVID", "true"]);
  });

  for (const [name, cause] of [
    ["another domain", /no X\.509 bundle found for trust domain: "other\.org"/],
    ["no id", /has no SPIFFE ID/],
    ["another CA", /not trusted/],
  ] as const)
    test(`refuses a server with ${name}: exit code 2`, async () => {
      const { code, stderr } = await probe(addresses.get(name) ?? "", withAgent);
      assert.equal(code, 2, stderr);
      assert.match(stderr, cause);
    });

  test("exit code 20 without an agent, without its address, and for an agent that refuses [A142]", async () => {
    const texts: string[] = [];
    isRefusing = true;
    for (const env of [
      {},
      { SPIFFE_ENDPOINT_SOCKET: "/run/agent.sock" },
      { SPIFFE_ENDPOINT_SOCKET: "tcp://agent:1" },
      { SPIFFE_ENDPOINT_SOCKET: `unix://${folder}/none.sock` },
      withAgent,
    ] as readonly Readonly<Record<string, string>>[]) {
      const { code, stderr } = await probe("127.0.0.1:1", env);
      assert.equal(code, 20, stderr);
      assert.match(stderr, /^failed to initialize tls credentials with spiffe\. error=./);
      texts.push(stderr);
    }
    isRefusing = false;
    assert.match(texts.join(""), /is not configured\n.*scheme\n.*must be an IP:port\n.*ENOENT.*\n.*PERMISSION_DENIED/);
  });

  test("an answer that is no SVID is exit code 20", async () => {
    const bad = createServer().on("stream", (stream) => begin(stream, framed(10, 2, 8, 1)));
    const path = join(folder, "bad.sock");
    await new Promise<void>((resolve) => bad.listen(path, resolve));
    const { code, stderr } = await probe("127.0.0.1:1", { SPIFFE_ENDPOINT_SOCKET: `unix://${path}` });
    bad.close();
    assert.equal(code, 20, stderr);
  });
});

/** A daemon of an installation that serves, and what the rows of the smoke suite ask it. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer, get as httpGet, type IncomingMessage } from "node:http";
import { get as httpsGet } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { certify, createSubject } from "../certificates.js";
import { eventually } from "../eventually.js";
import { freePort } from "../free-port.js";
import { GrpcPeer } from "../grpc-peer.js";
import type { Installation, Started } from "./installation.js";

/** A daemon that serves. */
export interface Serving {
  readonly started: Started;
  /** Of its two addresses. */
  readonly ports: readonly [number, number];
  /** Its configuration. */
  readonly file: string;
}

/** Starts a daemon with a configuration in `folder`, and waits until it serves. */
export async function serve(
  t: TestContext,
  installation: Installation,
  { text, folder = folderOf(t) }: { readonly text: string; readonly folder?: string },
): Promise<Serving> {
  const file = join(folder, "healthbridge.yaml");
  writeFileSync(file, text);
  const started = await installation.start(["-c", file, "--log-format", "json"], folder);
  let code: number | undefined;
  const ended = started.ended.then((value) => {
    code = value;
  });
  t.after(async () => {
    started.signal("SIGKILL");
    await ended;
  });
  await eventually(() => code !== undefined || events(started, "serving").length > 0, "it serves");
  const addresses = events(started, "serving")[0]?.addresses;
  if (!Array.isArray(addresses)) throw new Error(`the daemon ended with ${code}: ${started.output()}`);
  const [first = 0, second = 0] = addresses.map((address) => Number(String(address).split(":").at(-1)));
  return { started, file, ports: [first, second] };
}

/** The lines of an event in the log. */
export function events(started: Started, name: string): readonly Readonly<Record<string, unknown>>[] {
  const lines = started.output().split("\n").slice(0, -1);
  return lines
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line))
    .filter(({ event }) => event === name);
}

/** A folder of one row. */
export function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "healthbridge-smoke-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The code and the body of an answer; `ca`: what signed the server's certificate. */
export async function get(url: string, headers: Readonly<Record<string, string>> = {}, ca?: string): Promise<string> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const options = { headers, agent: false };
    const request = url.startsWith("https:")
      ? httpsGet(url, { ...options, ca }, resolve)
      : httpGet(url, options, resolve);
    request.once("error", reject);
  });
  let text = "";
  for await (const part of response.setEncoding("utf8")) text += part;
  return `${response.statusCode} ${text}`;
}

/** A client of gRPC, which the row closes. */
export function peerOf(t: TestContext, url: string, ca?: string): GrpcPeer {
  const peer = new GrpcPeer(url, { ca });
  t.after(() => peer.close());
  return peer;
}

/** The URL of a target that passes. */
export async function target(t: TestContext): Promise<string> {
  const server = createHttpServer((_request, response) => response.end("OK"));
  const port = await freePort();
  await new Promise<void>((resolve) => void server.listen(port, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${port}/`;
}

/** Writes ca.crt, and server.crt with server.key for `localhost`. Returns the CA. */
export function writeCertificates(folder: string): string {
  const [issuer, server] = [createSubject("CA"), createSubject("server")];
  const ca = certify(issuer);
  writeFileSync(join(folder, "ca.crt"), ca);
  writeFileSync(join(folder, "server.crt"), certify(server, { issuer, hosts: ["localhost"] }));
  writeFileSync(join(folder, "server.key"), server.key);
  return ca;
}

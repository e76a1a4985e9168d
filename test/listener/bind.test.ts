/** Binding: the bound address, and the error of an address that cannot be bound. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { HealthError } from "../../src/core/health-error.js";
import { type BoundAddress, parseListenAddress } from "../../src/core/listen-address.js";
import { bind as bindResolved, resolveAddress } from "../../src/listener/bind.js";
import { eventually } from "../support/eventually.js";
import { Client } from "./fixtures.js";

/** A server that is closed after the test. */
function server(t: TestContext): Server {
  const made = createServer((socket) => socket.on("error", () => {}).end("here"));
  t.after(() => void made.close());
  return made;
}

async function bind(server: Server, text: string): Promise<BoundAddress> {
  return bindResolved(server, await resolveAddress(parseListenAddress(text)));
}

function directory(t: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), "healthbridge-bind-"));
  t.after(() => rmSync(made, { recursive: true }));
  return made;
}

/** Leaves the file of a unix socket behind, as a killed process does. */
async function abandonSocket(path: string): Promise<void> {
  const script = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
  const child = spawn(process.execPath, ["-e", script], { stdio: "ignore" });
  await eventually(() => child.exitCode !== null || child.signalCode !== null, "the process is gone");
  assert.ok(statSync(path).isSocket(), "its socket's file is left");
}

async function refused(t: TestContext, address: string): Promise<HealthError> {
  const error: unknown = await bind(server(t), address).then(
    () => "it was bound",
    (reason) => reason,
  );
  assert.ok(error instanceof HealthError, String(error));
  assert.equal(error.code, "LISTEN_FAILED");
  assert.ok(error.cause instanceof Error, "the cause is kept");
  return error;
}

describe("binding", () => {
  test("returns the chosen port for port 0", async (t) => {
    const bound = await bind(server(t), "127.0.0.1:0");
    assert.ok("port" in bound && bound.port > 0 && bound.host === "127.0.0.1", JSON.stringify(bound));
  });

  test("binds every interface without a host", async (t) => {
    const bound = await bind(server(t), ":0");
    assert.ok("port" in bound && ["::", "0.0.0.0"].includes(bound.host), JSON.stringify(bound));
    const client = Client.to(bound.port, t);
    await eventually(() => client.received === "here", "the answer over IPv4");
  });

  test("accepts a host name", async (t) => {
    const bound = await bind(server(t), "localhost:0");
    assert.ok("port" in bound && ["::1", "127.0.0.1"].includes(bound.host), JSON.stringify(bound));
  });

  test("accepts a unix socket, and removes its file at the end", async (t) => {
    const path = join(directory(t), "health.sock");
    const listening = server(t);
    assert.deepEqual(await bind(listening, `unix:${path}`), { path });
    const client = Client.to(path, t);
    await eventually(() => client.received === "here", "the answer");
    listening.close();
    await eventually(() => !existsSync(path), "the file is gone");
  });

  test("leaves no event listener on the server", async (t) => {
    const listening = server(t);
    await bind(listening, "127.0.0.1:0");
    assert.equal(listening.listenerCount("listening"), 0);
  });
});

describe("an address that cannot be bound", () => {
  test("is named when another program uses it [B98]", async (t) => {
    const first = await bind(server(t), "127.0.0.1:0");
    assert.ok("port" in first);
    const { message } = await refused(t, `127.0.0.1:${first.port}`);
    assert.equal(message, `cannot listen on 127.0.0.1:${first.port}: the address is already in use (EADDRINUSE)`);
  });

  const rows: readonly (readonly [string, string, string])[] = [
    ["is of another machine", "192.0.2.1:0", "this machine does not have that address (EADDRNOTAVAIL)"],
    ["is of another machine, in IPv6", "[2001:db8::1]:0", "this machine does not have that address (EADDRNOTAVAIL)"],
  ];
  for (const [label, address, reason] of rows) {
    test(`is named when it ${label}`, async (t) => {
      assert.equal((await refused(t, address)).message, `cannot listen on ${address}: ${reason}`);
    });
  }

  test("is named when its folder does not exist or is not writable", async (t) => {
    const { message } = await refused(t, "unix:/nonexistent/health.sock");
    assert.match(
      message,
      /^cannot listen on unix:\/nonexistent\/health\.sock: its directory does not exist or cannot be written to \((?:EACCES|ENOENT)\)$/,
    );
  });

  test("is named when its host is unknown, whatever the resolver's error is", async (t) => {
    const { message } = await refused(t, "no-such-host.invalid:80");
    assert.match(message, /^cannot listen on no-such-host\.invalid:80: .+ \((?:ENOTFOUND|EAI_AGAIN)\)$/);
  });

  test("is named when a descriptor is not a listening socket", async (t) => {
    const file = openSync(join(directory(t), "file"), "w");
    t.after(() => closeSync(file));
    const { message } = await refused(t, `fd://${file}`);
    assert.match(message, /^cannot listen on fd:\/\/\d+: it is not a listening socket; systemd passes .* \(EINVAL\)$/);
  });

  test("is named when a descriptor is a pipe", async (t) => {
    const pipe = join(directory(t), "pipe");
    execFileSync("mkfifo", [pipe]);
    const { message } = await refused(t, `fd://${openSync(pipe, constants.O_RDWR)}`); // closed by the server
    assert.match(
      message,
      /^cannot listen on fd:\/\/\d+: it is not a listening socket; systemd passes .* \(ENOTSOCK\)$/,
    );
  });

  test("is named when its folder is a file", async (t) => {
    const file = join(directory(t), "file");
    writeFileSync(file, "");
    const { message } = await refused(t, `unix:${file}/health.sock`);
    assert.equal(
      message,
      `cannot listen on unix:${file}/health.sock: the operating system refused the address (ENOTDIR)`,
    );
  });
});

describe("an existing unix socket file", () => {
  test("is replaced when its process is dead", async (t) => {
    const path = join(directory(t), "health.sock");
    await abandonSocket(path);
    assert.deepEqual(await bind(server(t), `unix:${path}`), { path });
    const client = Client.to(path, t);
    await eventually(() => client.received === "here", "the answer");
  });

  test("is left alone when its process is alive", async (t) => {
    const path = join(directory(t), "health.sock");
    await bind(server(t), `unix:${path}`);
    const { message } = await refused(t, `unix:${path}`);
    assert.equal(message, `cannot listen on unix:${path}: the address is already in use (EADDRINUSE)`);
    const client = Client.to(path, t);
    await eventually(() => client.received === "here", "the first still answers");
  });

  test("is never removed when it is an ordinary file", async (t) => {
    const path = join(directory(t), "precious.txt");
    writeFileSync(path, "precious");
    await refused(t, `unix:${path}`);
    assert.equal(readFileSync(path, "utf8"), "precious");
  });

  test("is never removed when it is a directory", async (t) => {
    const path = join(directory(t), "inner");
    mkdirSync(path);
    await refused(t, `unix:${path}`);
    assert.ok(statSync(path).isDirectory());
  });

  test("is never removed when it is a link to an ordinary file", async (t) => {
    const where = directory(t);
    const [file, link] = [join(where, "precious.txt"), join(where, "link")];
    writeFileSync(file, "precious");
    symlinkSync(file, link);
    await refused(t, `unix:${link}`);
    assert.equal(readFileSync(link, "utf8"), "precious");
  });
});

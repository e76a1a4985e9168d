/** The socket of the control service: who can reach it, and when. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { privatePathFault } from "../../src/core/listen-address.js";
import { bindPrivately } from "../../src/listener/private-socket.js";

const directory = mkdtempSync(join(tmpdir(), "healthbridge-private-"));
chmodSync(directory, 0o755);
after(() => rmSync(directory, { recursive: true }));
let folders = 0;
function newFolder(): string {
  folders += 1;
  const folder = join(directory, String(folders));
  mkdirSync(folder, { mode: 0o755 });
  return folder;
}

const close = (server: Server) => new Promise((resolve) => server.close(resolve));
const greeting = (text = "hello") => createServer((socket) => socket.on("error", () => {}).end(text));

/** What a client reads at a path. */
function ask(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    socket.once("data", (bytes) => resolve(String(bytes)));
    socket.once("error", reject);
  });
}

/** Looks at everything in a folder as fast as it can, and connects to every socket: `node -e` needs no file of ours. */
const PRYING = `
const { readdirSync, lstatSync } = require("node:fs");
const { connect } = require("node:net");
const seen = { rounds: 0, modes: {}, connected: 0, attempts: 0 };
const root = process.argv[1];
let ended = false;
process.stdin.on("end", () => { ended = true; }).resume();
const look = (path) => {
  try {
    const stats = lstatSync(path);
    const kind = stats.isSocket() ? "socket" : "folder";
    seen.modes[kind + " " + (stats.mode & 0o777).toString(8)] = true;
    if (stats.isSocket()) {
      seen.attempts += 1;
      connect({ path }).on("connect", function () { seen.connected += 1; this.destroy(); }).on("error", () => {}).unref();
    } else for (const name of [...readdirSync(path), "s"]) look(path + "/" + name);
  } catch {}
};
const round = () => {
  if (ended) { console.log(JSON.stringify(seen)); process.exit(0); }
  for (let again = 0; again < 20; again += 1) {
    seen.rounds += 1;
    for (const name of readdirSync(root)) look(root + "/" + name);
  }
  setImmediate(round);
};
console.log("ready");
round();
`;

test("there is no moment at which another user can connect, or at which the socket has another mode", async () => {
  const folder = newFolder();
  const path = join(folder, "c.sock");
  const isRoot = process.getuid?.() === 0;
  const user = isRoot ? { uid: 65_534, gid: 65_534 } : {};
  const prying = spawn(process.execPath, ["-e", PRYING, folder], { ...user, cwd: "/" });
  let output = "";
  prying.stdout.on("data", (bytes) => {
    output += bytes;
  });
  await once(prying.stdout, "data");
  const umask = process.umask(0); // the worst one: a plain bind would open the socket to every user
  for (let round = 0; round < 300; round += 1) {
    const server = greeting();
    const remove = await bindPrivately(server, path);
    await new Promise((resolve) => setImmediate(resolve));
    await remove();
    await close(server);
  }
  process.umask(umask);
  prying.stdin.end();
  await once(prying, "exit");
  const { rounds, modes, connected, attempts } = JSON.parse(output.split("\n")[1] ?? "");
  assert.ok(rounds > 300, `${rounds} rounds`);
  assert.ok(attempts > 10, `${attempts} sockets seen`);
  for (const mode of Object.keys(modes)) assert.match(mode, /^(?:socket 600|folder 700)$/);
  if (isRoot) assert.equal(connected, 0);
  assert.deepEqual(readdirSync(folder), []);
});

test("the owner is served, the mode is 0600 with any umask, and the file is gone at the end", async () => {
  for (const mask of [0o000, 0o022, 0o177]) {
    const path = join(newFolder(), "c.sock");
    const before = process.umask(mask);
    const server = greeting();
    const remove = await bindPrivately(server, path);
    process.umask(before);
    assert.equal(lstatSync(path).mode & 0o777, 0o600);
    assert.equal(await ask(path), "hello");
    await remove();
    await close(server);
    assert.ok(!existsSync(path));
  }
});

/** Leaves a socket behind, as a process does that is killed. */
function leaveBehind(path: string): void {
  const code = `require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))`;
  assert.throws(() => execFileSync(process.execPath, ["-e", code, path]));
  assert.ok(lstatSync(path).isSocket());
}

test("a socket that a dead process has left behind is replaced", async () => {
  const path = join(newFolder(), "c.sock");
  leaveBehind(path);
  const server = greeting();
  const remove = await bindPrivately(server, path);
  assert.equal(await ask(path), "hello");
  await remove();
  await close(server);
});

test("a socket that is answered, and a file of another kind, are refused and stay", async () => {
  const path = join(newFolder(), "c.sock");
  const server = greeting();
  const remove = await bindPrivately(server, path);
  await assert.rejects(bindPrivately(greeting(), path), {
    code: "LISTEN_FAILED",
    message: `cannot listen on unix:${path}: another process listens there; give each healthbridge its own path`,
  });
  assert.equal(await ask(path), "hello");
  await remove();
  await close(server);
  writeFileSync(path, "text");
  await assert.rejects(bindPrivately(greeting(), path), /a file that is not a socket is there/);
  assert.ok(lstatSync(path).isFile());
});

test("of two that start at the same time over a dead socket, one gets the path, and is reached there", async () => {
  for (let round = 0; round < 30; round += 1) {
    const folder = newFolder();
    const path = join(folder, "c.sock");
    leaveBehind(path);
    const servers = Array.from({ length: 2 }, (_, index) => greeting(`server ${index}`));
    const results = await Promise.allSettled(servers.map((server) => bindPrivately(server, path)));
    const winners = results.flatMap((result, index) => (result.status === "fulfilled" ? [index] : []));
    assert.equal(winners.length, 1, `${winners.length} have started`);
    assert.equal(await ask(path), `server ${winners[0]}`);
    for (const result of results) if (result.status === "fulfilled") await result.value();
    for (const server of servers) server.close();
    assert.deepEqual(readdirSync(folder), []);
  }
});

test("the file of a later process is not removed", async () => {
  const path = join(newFolder(), "c.sock");
  const first = greeting();
  const removeFirst = await bindPrivately(first, path);
  rmSync(path);
  const second = greeting("second");
  const removeSecond = await bindPrivately(second, path);
  await removeFirst();
  await close(first);
  assert.equal(await ask(path), "second");
  await removeSecond();
  await close(second);
});

test("a folder that does not exist is named, and so is a path that is too long", async () => {
  const path = join(newFolder(), "gone", "c.sock");
  await assert.rejects(bindPrivately(greeting(), path), /its folder does not exist \(ENOENT\)/);
  assert.match(privatePathFault(`/${"x".repeat(94)}/c.sock`) ?? "", /too long: its folder has at most 94 bytes/);
  assert.equal(privatePathFault(`/${"x".repeat(93)}/c.sock`), undefined);
  assert.match(privatePathFault("") ?? "", /must be the path of a socket/);
});

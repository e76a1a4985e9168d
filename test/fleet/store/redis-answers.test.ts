/** A Redis that answers as no Redis does: what is read of it has a bound. Needs the package @redis/client. */
import assert from "node:assert/strict";
import { type AddressInfo, createServer, type Server } from "node:net";
import { after, test } from "node:test";
import { systemClock } from "../../../src/core/clock.js";
import { openStore } from "../../../src/fleet/store/open-store.js";
import { StoreError } from "../../../src/fleet/store/store.js";
import { parseStoreUrl } from "../../../src/fleet/store/store-url.js";
import { eventually } from "../../support/eventually.js";

const servers: Server[] = [];
after(() => {
  for (const server of servers) server.close();
});

/** Answers each command by its name; commands come whole, one after the other. */
async function redis(answer: (command: readonly string[]) => string) {
  const commands: string[] = [];
  const server = createServer((socket) => {
    let text = "";
    socket.on("error", () => {});
    socket.on("data", (data) => {
      text += data;
      for (;;) {
        const [command, rest] = readCommand(text);
        if (command === undefined) return;
        text = rest;
        commands.push(command[0] ?? "");
        socket.write(answer(command));
      }
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const store = await openStore(parseStoreUrl(`redis://127.0.0.1:${port}`), {
    ...{ fleet: "prod", deadlineMs: 20_000, clock: systemClock, tls: undefined },
  });
  return { store, commands };
}

/** `*2 $3 GET $1 x`, with CRLF after each word. */
function readCommand(text: string): readonly [command: readonly string[] | undefined, rest: string] {
  const [, count] = /^\*(\d+)\r\n/.exec(text) ?? [];
  let at = text.indexOf("\r\n") + 2;
  const words: string[] = [];
  for (let word = 0; word < Number(count); word += 1) {
    const [head, length] = /^\$(\d+)\r\n/.exec(text.slice(at)) ?? [];
    if (head === undefined || text.length < at + head.length + Number(length) + 2) return [undefined, text];
    words.push(text.slice(at + head.length, at + head.length + Number(length)));
    at += head.length + Number(length) + 2;
  }
  return count === undefined ? [undefined, text] : [words, text.slice(at)];
}

const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`;
const list = (...items: readonly string[]) => `*${items.length}\r\n${items.join("")}`;

for (const [title, page] of [
  ["empty pages without an end", () => list()],
  ["the same cells again and again", () => list(bulk("a"), bulk("x".repeat(100)))],
  ["cells that are too long", (at: number) => list(bulk(`c${at}`), bulk("x".repeat(4_000_000)))],
] as const)
  test(`a scan of cells ends with an error: ${title}`, async () => {
    let pages = 0;
    const { store } = await redis(([name]) => {
      if (name === "MULTI") return "+OK\r\n";
      if (name === "EXEC") return list(bulk("1:head"), ":501\r\n");
      if (name !== "HSCAN") return "+QUEUED\r\n";
      pages += 1;
      return list(bulk("7"), page(pages));
    });
    await assert.rejects(store.cells("r"), (error) => error instanceof StoreError && error.code === "protocol");
    assert.ok(pages <= 10_001, `${pages}`);
    await store.close();
  });

test("too many beats are removed before they are read", async () => {
  const { store, commands } = await redis(([name]) => {
    if (name === "HLEN") return ":1000000\r\n";
    if (name === "EXEC") return list(list(), "$-1\r\n", ":0\r\n", ":1\r\n", ":1\r\n", ":0\r\n");
    return name === "UNLINK" ? ":1\r\n" : name === "MULTI" ? "+OK\r\n" : "+QUEUED\r\n";
  });
  // inside of the transaction, HLEN is queued: its answer is not read here
  await store.beat("r", "b").catch(() => {});
  assert.deepEqual(commands.slice(0, 3), ["HLEN", "UNLINK", "MULTI"]);
  await store.close();
});

for (const [answer, code, fault, hint] of [
  ["MOVED 7293 10.0.0.7:7002", "unreachable", "other-node", /MOVED .*; .* write redis\+cluster:\/\/ in fleet\.store$/],
  ["READONLY You can't write against a read only replica.", "refused", "read-only", /replica\.$/],
  ["OOM command not allowed when used memory > 'maxmemory'.", "refused", "out-of-memory", /'maxmemory'\.$/],
  ["NOPERM this user has no permissions", "refused", "refused", /NOPERM/],
  ["LOADING Redis is loading the dataset in memory", "unreachable", "unreachable", /LOADING/],
  ["WEIRD", "protocol", "protocol", /WEIRD/],
] as const)
  test(`the answer ${answer} is told as ${fault}`, async () => {
    const { store } = await redis(() => `-${answer}\r\n`);
    await assert.rejects(store.text("x"), (error) => {
      assert.ok(error instanceof StoreError);
      assert.deepEqual([error.code, error.fault], [code, fault]);
      assert.match(error.message, hint);
      return true;
    });
    await store.close();
  });

test("a server that never ends the TLS handshake gets no connection that stays open", async () => {
  let open = 0;
  const server = createServer((socket) => {
    open += 1;
    socket
      .on("error", () => {})
      .on("close", () => {
        open -= 1;
      });
    socket.resume();
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const store = await openStore(parseStoreUrl(`rediss://127.0.0.1:${port}`), {
    ...{ fleet: "prod", deadlineMs: 50, clock: systemClock, tls: undefined },
  });
  let [tried, mostOpen] = [0, 0];
  const lost = async () => {
    await assert.rejects(store.beat("r", "beat"), StoreError);
    tried += 1;
    mostOpen = Math.max(mostOpen, open);
    return tried >= 5 && open > 0;
  };
  await eventually(lost, "five attempts are lost", 10_000);
  await store.close();
  await eventually(() => open === 0, "all connections are closed", 5_000);
  assert.ok(mostOpen > 0);
});

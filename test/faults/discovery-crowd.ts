/**
 * Clients of Consul's API in a process of their own: each asks a blocking query for `orders`, and asks again as soon as it has
 * its answer. It prints `ready` when each has had an answer, and the number of answers for each line of the parent's.
 */
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";

const [port, count] = process.argv.slice(2).map(Number);

/** Connections that are opened at a time. */
const AT_A_TIME = 100;

let answers = 0;
let ready = 0;

function ask(socket: Socket, index: string): void {
  socket.write(`GET /v1/health/service/orders?index=${index}&wait=5m HTTP/1.1\r\nHost: a\r\n\r\n`);
}

function start(onFirst: () => void): void {
  let text = "";
  let isFirst = true;
  const socket = connect(port ?? 0, "127.0.0.1");
  socket.setEncoding("latin1").on("error", (error) => {
    process.stderr.write(`${error}\n`);
    process.exit(1);
  });
  socket.on("data", (part) => {
    text += String(part);
    const end = text.indexOf("\r\n\r\n");
    const length = Number(/content-length: (\d+)/i.exec(text)?.[1]);
    if (end === -1 || text.length < end + 4 + length) return;
    const index = /x-consul-index: (\d+)/i.exec(text)?.[1];
    if (index === undefined) throw new Error(text);
    text = "";
    answers += 1;
    ask(socket, index);
    if (isFirst) onFirst();
    isFirst = false;
  });
  ask(socket, "0");
}

function next(): void {
  ready += 1;
  if (ready === count) process.stdout.write("ready\n");
  if (started < (count ?? 0)) open();
}

let started = 0;
function open(): void {
  started += 1;
  start(next);
}
for (let at = 0; at < AT_A_TIME && started < (count ?? 0); at += 1) open();
createInterface(process.stdin).on("line", () => process.stdout.write(`${answers}\n`));
process.stdin.on("end", () => process.exit());

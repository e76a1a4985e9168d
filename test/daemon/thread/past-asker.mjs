// Asks for pages in a thread of its own, after a delay, while the main thread of a test is blocked.
import { get } from "node:http";
import { parentPort, workerData } from "node:worker_threads";

const { port, delayMs, paths } = workerData;

function ask(path) {
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    get({ host: "127.0.0.1", port, path, headers: { accept: "text/html" } }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (text) => {
        body += text;
      });
      response.on("end", () =>
        resolve({ path, status: response.statusCode, body, afterMs: performance.now() - startedAt }),
      );
    }).on("error", reject);
  });
}

parentPort.postMessage("started");
setTimeout(async () => parentPort.postMessage(await Promise.all(paths.map(ask))), delayMs);

// Reads `/events` in a thread of its own, while the main thread of a test is blocked.
import { get } from "node:http";
import { parentPort, workerData } from "node:worker_threads";

get({ host: "127.0.0.1", port: workerData.port, path: "/events" }, (response) => {
  response.setEncoding("utf8");
  response.on("data", (text) => parentPort.postMessage(text));
});

/** Prints each event of the process to stdout. The signals test runs it as a child process. */
import { listenToProcess } from "../../src/lifecycle/signals.js";

const print = (line: string) => process.stdout.write(`${line}\n`);
const unsubscribe = listenToProcess({
  onTerminate: (signal) => print(`terminate ${signal}`),
  onInsist: (signal) => print(`insist ${signal}`),
  onReload: () => print("reload"),
  onFatal: (error) => print(`fatal ${error instanceof Error ? error.message : String(error)}`),
});
const commands: Readonly<Record<string, () => void>> = {
  throw: () => {
    throw new Error("thrown");
  },
  reject: () => void Promise.reject(new Error("rejected")),
  "reject-text": () => void Promise.reject("a text"),
  leave: () => {
    unsubscribe();
    print("left");
  },
};
process.stdin.on("data", (bytes) => commands[bytes.toString().trim()]?.());
print("ready");

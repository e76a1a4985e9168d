/** Writes lines to its standard output as `serve` does, as many as its parent says. */
import { LogOutput, openSink } from "../../src/telemetry/log-output.js";

const counts = { dropped: 0, flowing: 0 };
const output = new LogOutput(openSink(process.stdout), {
  onDropped: (lines) => {
    counts.dropped += lines;
  },
  onFlowing: (lines) => {
    counts.flowing += lines;
  },
});

process.on("message", (message: number | "end") => {
  if (message === "end") {
    void output.flush().then((flushed) => {
      process.disconnect();
      if (!flushed) process.exit(3);
    });
    return;
  }
  for (let index = 0; index < message; index += 1) output.write(`${"x".repeat(999)}\n`);
  // after 250 ms, what a reader has not taken still waits
  void output.flush().then(() => process.send?.({ ...counts, waiting: process.stdout.writableLength }));
});
process.send?.("ready");

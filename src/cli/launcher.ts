#!/usr/bin/env node
/**
 * The program `healthbridge`: loads the bundle that a command is in. `probe` has one of its own, because an exec probe
 * starts a process each time, and that of all other commands takes several times as long to load. `probe --help` is help
 * as every command has it; `probe -h` is that of grpc_health_probe.
 */
import { endByUnheardSignals } from "../lifecycle/signals.js";

if (process.pid === 1) endByUnheardSignals();
if (process.argv[2] === "probe" && process.argv[3] !== "--help") {
  process.argv.splice(2, 1);
  void import("./grpc-health-probe.js");
} else void import("./main.js");

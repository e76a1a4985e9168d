/** The table of proofs. */
import { spawnSync } from "node:child_process";
import type { Arguments } from "./arguments.js";
import { proveControl } from "./control.js";
import { proveDiscovery } from "./discovery.js";
import { proveFleet } from "./fleet.js";
import { proveFuzz, proveFuzzControl } from "./fuzz.js";
import { proveHistory } from "./history.js";
import { proveIsolation } from "./isolation.js";
import { proveMutation } from "./mutation.js";
import { provePage } from "./page.js";
import { provePolicy } from "./policy.js";
import { proveRotation } from "./rotation.js";
import { proveShutdown } from "./shutdown.js";
import { proveSoak } from "./soak.js";
import { proveTls } from "./tls.js";
import { proveWalk } from "./walk.js";

/** A proof. */
interface Proof {
  readonly proves: string;
  readonly takes: string;
  readonly run: (args: Arguments) => Promise<boolean>;
}

/** All proofs by area: `docs/proofs.md` has the same table. */
export const PROOFS: Readonly<Record<string, Proof>> = {
  hermetic: {
    proves: "every rule, with tests that need no network",
    takes: "3 min",
    run: suite("hermetic"),
  },
  conformance: {
    proves:
      "the rows of docs/conformance.md hold on both engines; the conformance tool finds what real servers break, and no more",
    takes: "15 min",
    run: async (args) => {
      process.env.CONFORMANCE_PROOF = "1"; // the tests of the tool try more
      const rows = await suite("hermetic", "conformance/", "conformance-tool/")(args);
      const servers = await suite("interop", "interop/conformance")(args);
      return rows && servers;
    },
  },
  interop: { proves: "peers of other languages agree with healthbridge", takes: "6 min", run: suite("interop") },
  packages: {
    proves:
      "each installation passes one smoke suite in a root of its own; the executable of arm64 runs under emulation",
    takes: "4 min",
    run: async (args) => {
      process.env.PACKAGES_PROOF = "1";
      process.env.TEST_PATIENCE_MS = "180000"; // emulation is slow
      return suite("interop", "interop/packages")(args);
    },
  },
  faults: {
    proves: "broken networks, targets and clients change no status wrongly",
    takes: "4 min",
    run: async (args) => {
      process.env.FAULTS_PROOF = "1"; // CI has a tenth of the costly connections
      return await suite("faults")(args);
    },
  },
  sim: {
    proves: "simulated days of checks agree with an independent model",
    takes: "3 min",
    run: async (args) => {
      process.env.SIM_PROOF = "1"; // CI has the first eight hours of the day of 1,000 targets
      return await suite("sim")(args);
    },
  },
  fleet: {
    proves:
      "a fleet holds its promises: real members that crash, are cut off and have broken stores; simulated ones under seeded faults",
    takes: "rows: about 45 min; sim: about 2.5 h on 2 cores; sim large: about 45 min",
    run: proveFleet,
  },
  fuzz: {
    proves: "no bytes of a client or target end the process, cause a fault or leave something behind",
    takes: "2 min, or --minutes N; also --seed, --engine, --node, --build",
    run: proveFuzz,
  },
  "fuzz-control": {
    proves: "the fuzzer finds the crash of commit f9a582f, of which --build names a built checkout",
    takes: "at most 2 min",
    run: proveFuzzControl,
  },
  soak: {
    proves: "under load, faults and abuse: no stale SERVING, exact counts, no growth",
    takes: "3 min, or --minutes N; also --seed, --json",
    run: proveSoak,
  },
  rotation: {
    proves:
      "renewed certificates and moved names are seen in time, expired certificates fail, and no probe fails before",
    takes: "5 min, or --minutes N; also --json",
    run: proveRotation,
  },
  tls: {
    proves: "a scan of the listener finds nothing; 50 swaps of its certificate fail none of 100 handshakes a second",
    takes: "7 min; also --json",
    run: proveTls,
  },
  control: {
    proves: "drains and maintenance survive kill -9 at 200 random moments: nothing is lost, nothing invented",
    takes: "5 min; also --seed, --json",
    run: proveControl,
  },
  history: {
    proves:
      "the history survives kill -9 at 200 random moments, a full disk and flipped bits: no second is invented, no start fails",
    takes: "12 min; also --seed, --json",
    run: proveHistory,
  },
  isolation: {
    proves: "a blocked application is answered for at all times, and other packages beside it answer nothing",
    takes: "2 min; also --json",
    run: proveIsolation,
  },
  policy: {
    proves:
      "grpc-js with the policy: 1,000 flips under 500 calls a second, no failed call, none to an unhealthy backend",
    takes: "2 min; also --seed, --json",
    run: provePolicy,
  },
  discovery: {
    proves:
      "traffic of each reader follows the states of instances within a second; abuse of discovery neither delays an honest subscriber nor fills the memory",
    takes: "12 min, of which 5 build Traefik; also readers, xds, --json",
    run: proveDiscovery,
  },
  shutdown: {
    proves: "SIGTERM under 1,000 Checks a second fails no call; 1,000 starts and ends leave nothing",
    takes: "2 min; also --json",
    run: proveShutdown,
  },
  platforms: {
    proves: "the smoke suite passes on Node 22, 24 and 26, and on Linux arm64 under QEMU",
    takes: "4 min",
    run: async (args) => {
      process.env.PLATFORMS_PROOF = "1"; // CI has Node 22 and 24
      return await suite("interop", "interop/platforms")(args);
    },
  },
  page: {
    proves: "the status page in a real Chromium is live, never old without saying so, and usable by everyone",
    takes: "4 min; the pictures of docs/page.md alone (the word pictures) 1 min",
    run: provePage,
  },
  abuse: {
    proves: "what abuse costs an honest client, beside grpc-go, nghttpd and HAProxy",
    takes: "6 min",
    run: async () => succeeds("bench/run.ts", "abuse"),
  },
  mutation: {
    proves: "the tests notice a change of any rule: checks, fleet, registry, wire, grpc",
    takes: "10 to 40 min, as the machine is loaded; one area or file (a word) less, a sample (--every 10) a tenth",
    run: proveMutation,
  },
  walk: {
    proves: "a new user gets from a clone to a watched Celery cluster with alerts in ten minutes, in an empty Debian",
    takes: "6 min",
    run: proveWalk,
  },
};

function suite(...words: readonly string[]): Proof["run"] {
  return async () => succeeds("test/run.ts", ...words);
}

function succeeds(file: string, ...words: readonly string[]): boolean {
  return spawnSync(process.execPath, ["--import", "tsx", file, ...words], { stdio: "inherit" }).status === 0;
}

/** deploy/examples: each balancer loads its file; a backend that is NOT_SERVING gets no requests, and gets them again later. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { parse } from "yaml";
import { Health } from "../../../src/index.js";
import { eventually } from "../../support/eventually.js";
import { freePort } from "../../support/free-port.js";
import { frame, GrpcPeer } from "../../support/grpc-peer.js";
import { portOf } from "../../support/port-of.js";
import { debian, envoy } from "../install.js";
import { accepting, Running } from "../peers.js";
import { DEPLOY, output } from "./manifests.js";
import { pythonTool, readers } from "./tools.js";

const EXAMPLES = join(DEPLOY, "examples");

interface Balancer {
  /** Relative to deploy/examples; the first one is given to the program. */
  readonly files: readonly string[];
  readonly start: (file: string, folder: string) => readonly [program: string, ...args: string[]];
  /** The backends that get requests while both are healthy. Default: both. */
  readonly healthy?: string;
}

const BALANCERS: Readonly<Record<string, Balancer>> = {
  Envoy: {
    files: ["envoy.yaml"],
    start: (file) => [envoy(), "-c", file, "--disable-hot-restart", "--concurrency", "1", "-l", "warn"],
  },
  HAProxy: { files: ["haproxy.cfg"], start: (file) => [debian("haproxy"), "-db", "-f", file] },
  nginx: {
    files: ["nginx.conf"],
    start: (file, folder) => {
      const globals = `daemon off; master_process off; pid ${folder}/pid; error_log stderr;`;
      return [debian("nginx", "nginx-light"), "-p", folder, "-e", "stderr", "-c", file, "-g", globals];
    },
    healthy: "a",
  },
  Traefik: {
    files: ["traefik/traefik.yaml", "traefik/services.yaml"],
    start: (file) => [pythonTool("traefik"), `--configFile=${file}`],
  },
};

/** A backend with healthbridge beside it, on an address of its own. It answers with its name. */
class Backend {
  readonly health = new Health();
  readonly #server: Server;

  constructor(name: string) {
    this.#server = createServer((_, response) => response.end(name));
  }

  async listen(host: string, ports: Readonly<Record<string, number>>): Promise<void> {
    this.health.set("orders", "SERVING");
    await this.health.listen([`${host}:${ports["50051"]}`, `${host}:${ports["8080"]}`]);
    await new Promise<void>((resolve) => this.#server.listen(ports["8081"], host, resolve));
  }

  async stop(): Promise<void> {
    await this.health.shutdown({ drainDelayMs: 0 });
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

/** A balancer in front of two backends. */
function testBalancer(name: string, { files, start, healthy = "ab" }: Balancer): void {
  describe(`${name} with deploy/examples/${files[0]}`, { concurrency: 1 }, () => {
    const folder = mkdtempSync(join(tmpdir(), "healthbridge-balancer-"));
    const backends = { a: new Backend("a"), b: new Backend("b") };
    let running: Running | undefined;
    let port = 0;

    /** The backends that answer 12 requests. A request that fails is a "!". */
    const answering = async (): Promise<string> => {
      const ask = async () => {
        const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: "close" } });
        return answer.ok ? answer.text() : "!";
      };
      const names = new Set<string>();
      for (let count = 0; count < 12; count += 1) names.add(await ask().catch(() => "!"));
      return [...names].sort().join("");
    };
    const becomes = (expected: string) =>
      eventually(async () => (await answering()) === expected, `${expected} answers: ${running?.output}`, 30_000);

    before(async () => {
      const entries = ["8000", "8081", "8080", "50051"].map(async (known) => [known, await freePort()] as const);
      const ports = Object.fromEntries(await Promise.all(entries));
      port = ports["8000"] ?? 0;
      await backends.a.listen("127.0.0.2", ports);
      await backends.b.listen("127.0.0.3", ports);
      const [file = ""] = files.map((each) => writeHere(folder, each, ports));
      const [program, ...args] = start(file, folder);
      running = new Running(program, args);
      await accepting(port);
    });
    after(async () => {
      await running?.stop();
      for (const backend of Object.values(backends)) await backend.stop();
      rmSync(folder, { recursive: true });
    });

    test("sends requests to healthy backends", () => becomes(healthy));

    test("ejects a backend that is NOT_SERVING, and takes it back", async () => {
      backends.a.health.set("orders", "NOT_SERVING");
      await becomes("b");
      backends.a.health.set("orders", "SERVING");
      await becomes(healthy);
    });

    test("ejects a backend that drains, before it is gone", async () => {
      backends.a.health.drain();
      await becomes("b");
    });
  });
}

describe("balancers", { concurrency: true }, () => {
  for (const [name, balancer] of Object.entries(BALANCERS)) testBalancer(name, balancer);
});

/** Writes a file of the examples with the addresses of this test. Returns its path. */
function writeHere(folder: string, name: string, ports: Readonly<Record<string, number>>): string {
  let text = readFileSync(join(EXAMPLES, name), "utf8");
  for (const [known, port] of Object.entries(ports))
    text = text.replaceAll(new RegExp(`\\b${known}\\b`, "g"), `${port}`);
  const hosts = {
    "10.0.0.11": "127.0.0.2",
    "10.0.0.12": "127.0.0.3",
    "0.0.0.0": "127.0.0.1",
    "/etc/traefik/": `${folder}/traefik/`,
  };
  for (const [host, here] of Object.entries(hosts)) text = text.replaceAll(host, here);
  const path = join(folder, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, text);
  return path;
}

const read = (name: string): string => readFileSync(join(EXAMPLES, name), "utf8");

describe("the examples of managed balancers", () => {
  const health = new Health();
  let port = 0;
  before(async () => {
    port = portOf(await health.listen(["127.0.0.1:0"], { statusCodePaths: ["/AWS.ALB/healthcheck"] }));
  });
  after(() => health.shutdown({ drainDelayMs: 0 }));
  const statuses = ["SERVING", "NOT_SERVING"] as const;

  /** What a GET of a path is answered with. */
  const get = async (path: string): Promise<string> => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`);
    return `${answer.status} ${await answer.text()}`;
  };

  test("for AWS pass cfn-lint", () => {
    output(pythonTool("cfn-lint"), [join(EXAMPLES, "aws-alb.yaml"), join(EXAMPLES, "aws-nlb.yaml")]);
  });

  test("for an ALB: the method of the file answers with a grpc-status that follows the status", async () => {
    const text = read("aws-alb.yaml").replaceAll(/!Ref /g, "");
    const { HealthCheckPath: path, Matcher } = parse(text).Resources.Orders.Properties;
    const peer = new GrpcPeer(port);
    for (const status of statuses) {
      health.set("", status);
      const { code } = await peer.call(path, frame(Buffer.alloc(0)));
      assert.equal(String(code) === Matcher.GrpcCode, status === "SERVING");
    }
    peer.close();
  });

  test("for an NLB and for GCP over HTTP: the path of the file is answered as the file expects", async () => {
    const { HealthCheckPath, Matcher } = parse(read("aws-nlb.yaml").replaceAll(/!Ref /g, "")).Resources.Orders
      .Properties;
    const { requestPath, response } = JSON.parse(read("gcp-http.json")).httpHealthCheck;
    health.set("orders", "SERVING");
    assert.equal(await get(HealthCheckPath), `${Matcher.HttpCode} ${response}`);
    assert.equal(await get(requestPath), `200 ${response}`);
    health.set("orders", "NOT_SERVING");
    for (const path of [HealthCheckPath, requestPath]) assert.equal(await get(path), "503 NOT_SERVING");
  });

  test("for GCP are bodies of its API, without unknown fields", () => {
    const program = [
      "import sys; from google.cloud.compute_v1.types import HealthCheck",
      "HealthCheck.from_json(sys.stdin.read(), ignore_unknown_fields=False)",
    ].join("\n");
    for (const name of ["gcp-grpc.json", "gcp-http.json"]) output(pythonTool("python"), ["-c", program], read(name));
  });

  test("for Consul has the fields of a service of its API", () => {
    const { service } = JSON.parse(read("consul.json"));
    const registration = JSON.parse(output(readers(), ["consul"], JSON.stringify(service)));
    assert.equal(registration.Checks[0].GRPC, "127.0.0.1:50051/orders");
  });
});

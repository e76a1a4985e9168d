/**
 * Applications of NestJS 11 and 12 with the module, in a project with the packed tarball: each answers over HTTP and gRPC,
 * and ends on SIGTERM without a failed call.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, get } from "node:http";
import { connect, type Socket } from "node:net";
import { after, before, describe, type TestContext, test } from "node:test";
import { eventually, inTime, pause } from "../../support/eventually.js";
import { freePort } from "../../support/free-port.js";
import { frame, GrpcPeer } from "../../support/grpc-peer.js";
import { NestProgram, type NestProject, NestProjects, SNIPPETS } from "./nest/nest-project.js";

/** As the application has it. */
const DRAIN_DELAY_MS = 1_000;

/** Each kind of application and each way of its end; with Nest 12 too, where it has code of its own. */
const APPLICATIONS = [
  { kind: "express", end: "hooks", versions: [11, 12] },
  { kind: "express", end: "graceful", versions: [11] },
  { kind: "express", end: "both", versions: [11] },
  { kind: "fastify", end: "hooks", versions: [11] },
  { kind: "fastify", end: "close", versions: [12] },
  { kind: "microservice", end: "hooks", versions: [11] },
  { kind: "microservice", end: "close", versions: [12] },
  { kind: "microservice", end: "graceful", versions: [11] },
  { kind: "hybrid", end: "close", versions: [12] },
  { kind: "context", end: "hooks", versions: [11] },
] as const;

const TOKEN = { authorization: "Bearer orders" };

async function ask(url: string, init: RequestInit = {}): Promise<string> {
  const response = await fetch(url, { ...init, headers: { connection: "close", ...init.headers } });
  return `${response.status} ${await response.text()}`;
}

/** Asks on connections that stay open. `onHeader` gets the header `connection`. */
function requestOnce(url: string, agent: Agent, onHeader = (_: string | undefined) => {}): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { agent, headers: TOKEN }, (response) => {
      onHeader(response.headers.connection);
      let text = "";
      response.setEncoding("utf8").on("data", (part) => {
        text += part;
      });
      response.on("end", () => resolve(`${response.statusCode} ${text}`)).on("error", reject);
    }).on("error", reject);
  });
}

/** A call of the service of the application. */
async function count(peer: GrpcPeer): Promise<string> {
  const { code, text, messages } = await peer.call("/acme.Orders/Count", frame(Buffer.alloc(0)));
  return code === 0 ? `0 ${messages[0]?.subarray(2)}` : `${code} ${text}`;
}

/** Four clients that call again and again until `isOver`. Returns their number of calls, and the answers that were not expected. */
async function load(isOver: () => boolean, call: () => Promise<string>, expected: string) {
  let calls = 0;
  const failures: string[] = [];
  const client = async () => {
    while (!isOver()) {
      const answer = await call().catch((error: unknown) => String(error));
      calls += 1;
      if (answer !== expected) failures.push(answer);
      await pause(2);
    }
  };
  await Promise.all(Array.from({ length: 4 }, client));
  return { calls, failures };
}

/** Connections that keep a server open: one without a byte, one that is idle, and an open Watch. */
async function holdOpen(t: TestContext, httpPort: number, peer: GrpcPeer | undefined): Promise<void> {
  const sockets: Socket[] = [];
  t.after(() => sockets.map((socket) => socket.destroy()));
  for (const text of httpPort === 0 ? [] : ["", "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"]) {
    const socket = connect(httpPort, "127.0.0.1");
    sockets.push(socket.on("error", () => {}));
    await once(socket, "connect");
    socket.write(text);
  }
  await peer?.watch("acme.Unknown").saw(3);
}

/** What each snippet answers at paths, and the service that its gRPC server reports as SERVING. */
const SNIPPET_ANSWERS: readonly { readonly http?: Readonly<Record<string, RegExp>>; readonly grpc?: string }[] = [
  {
    http: { "/healthcheck": /^200 OK$/, "/healthcheck/queue": /^200 OK$/, "/api/orders": /^200 orders$/ },
    grpc: "acme.Orders",
  },
  { http: { "/healthcheck/heap": /^200 OK$/ } },
  { http: { "/health": /^200 .*"status":"ok".*"healthbridge":\{"status":"up"\}/, "/healthcheck": /^200 OK$/ } },
  { grpc: "" },
  { grpc: "" },
];

describe("an application of NestJS", () => {
  let projects: NestProjects;
  before(() => {
    projects = new NestProjects();
  });
  after(() => projects.remove());
  const projectOf = (version: number): NestProject => {
    const project = projects.projects.find((each) => each.version === version);
    assert(project !== undefined);
    return project;
  };

  for (const { kind, end, versions } of APPLICATIONS)
    for (const version of versions) {
      const hasHttp = kind === "express" || kind === "fastify" || kind === "hybrid";
      test(`${version} (${kind}, ended by ${end}) answers, and shuts down without a failed call`, async (t) => {
        const port = hasHttp && kind !== "hybrid" ? 0 : await freePort();
        const program = new NestProgram(projectOf(version), "application", [kind, end], port);
        t.after(() => program.end("SIGKILL"));
        await program.printed(/^ready/m);
        const httpPort = hasHttp ? Number(await program.printed(/^http (\d+)/m)) : 0;
        const origin = `http://127.0.0.1:${hasHttp ? httpPort : port}`;
        if (hasHttp) await answersOverHttp(origin);
        const peer = port === 0 ? undefined : new GrpcPeer(port);
        t.after(() => peer?.close());
        if (peer !== undefined) await eventually(async () => (await peer.check("db")).status === 1, "the check passes");
        const agent = new Agent({ keepAlive: true });
        t.after(() => agent.destroy());
        await holdOpen(t, httpPort, peer);

        let isOver = false;
        t.after(() => {
          isOver = true;
        });
        const loads = [
          ...(hasHttp
            ? [
                load(
                  () => isOver,
                  () => requestOnce(`${origin}/api/orders`, agent),
                  "200 orders",
                ),
              ]
            : []),
          ...(peer && kind !== "context"
            ? [
                load(
                  () => isOver,
                  () => count(peer),
                  "0 orders",
                ),
              ]
            : []),
        ];
        await pause(100);
        const startedAt = performance.now();
        program.end();
        await pause(100);
        if (hasHttp) assert.equal(await ask(`${origin}/healthcheck`), "503 NOT_SERVING");
        if (hasHttp) assert.equal(await ask(`${origin}/livez`), "200 OK");
        if (hasHttp) await requestOnce(`${origin}/api/orders`, agent, (header) => assert.equal(header, "close"));
        if (peer !== undefined) assert.equal((await peer.check("")).status, 2);
        isOver = true;
        for (const { calls, failures } of await Promise.all(loads)) {
          assert.deepEqual(failures, []);
          assert(calls > 10, `${calls} calls`);
        }
        await inTime(program.ended, `the end of the process: ${program.output}`, 10_000);
        const tookMs = performance.now() - startedAt;
        assert(tookMs >= DRAIN_DELAY_MS - 5, `ended after ${tookMs} ms, before the drain delay`);
        assert(tookMs < DRAIN_DELAY_MS + 3_000, `ended after ${tookMs} ms`);
        assert.match(program.output, /pool closed, draining: true/);
        assert.doesNotMatch(program.output, /draining: false|ERROR/);
      });
    }

  test("each snippet of docs/library/nestjs.md has its test", () => {
    assert.equal(SNIPPETS.length, SNIPPET_ANSWERS.length);
  });

  for (const [index, answers] of SNIPPET_ANSWERS.entries())
    test(`snippet ${index + 1} of docs/library/nestjs.md runs, with NestJS 11`, async (t) => {
      const ports = { http: await freePort(), grpc: await freePort() };
      const program = new NestProgram(projectOf(11), `snippet-${index}`, [], ports.http, ports.grpc);
      t.after(() => program.end("SIGKILL"));
      const answerOf = (path: string) => ask(`http://127.0.0.1:${ports.http}${path}`).catch(String);
      for (const [path, expected] of Object.entries(answers.http ?? {}))
        await eventually(
          async () => expected.test(await answerOf(path)),
          `${path}: ${await answerOf(path)} ${program.output}`,
        );
      if (answers.grpc === undefined) return;
      const isServing = async () => {
        const asked = new GrpcPeer(ports.grpc);
        const { status } = await asked.check(answers.grpc ?? "");
        asked.close();
        return status === 1;
      };
      await eventually(isServing, program.output);
    });

  for (const version of [11, 12]) {
    test(`${version}: the module works in tests, around other servers, and refuses wrong options`, async (t) => {
      const program = new NestProgram(projectOf(version), "testing", []);
      t.after(() => program.end("SIGKILL"));
      await program.printed(/^done/m);
      const lines = program.output.split("\n").filter((line) => line.startsWith("["));
      assert.deepEqual(Object.fromEntries(lines.map((line) => JSON.parse(line))), EXPECTED_IN_TESTS);
    });

    test(`${version}: indicators of Terminus are checks, and Terminus asks healthbridge`, async (t) => {
      const program = new NestProgram(projectOf(version), "terminus", [], await freePort());
      t.after(() => program.end("SIGKILL"));
      const result = JSON.parse(await program.printed(/^result (.*)$/m));
      assert.deepEqual(result.statuses, EXPECTED_STATUSES);
      assert.equal(result.details.down, "status is down; session: no connection");
      assert.equal(result.details.old, "status is down; session: old");
      assert.equal(result.details.late, "status is down; session: timeout of 50ms exceeded");
      assert.equal(result.details.throws, "no host");
      assert.deepEqual(statusesOf(result.asked), {
        ...{ grpcUp: "up", grpcDown: "down" },
        ...{ httpUp: "up", httpDown: "down", httpUnknown: "down" },
      });
      assert.equal(result.asked.grpcUp.hb.servingStatus, "SERVING");
      await program.printed(/^closed/m);
    });
  }
});

/** The status of the only entry of each result. */
function statusesOf(results: Readonly<Record<string, Readonly<Record<string, { status: string }>>>>): object {
  return Object.fromEntries(
    Object.entries(results).map(([name, result]) => [
      name,
      Object.values(result)
        .map(({ status }) => status)
        .join(),
    ]),
  );
}

async function answersOverHttp(origin: string): Promise<void> {
  const call = { method: "POST", headers: { "content-type": "application/json" }, body: '{"service":"db"}' };
  await eventually(async () => (await ask(`${origin}/healthcheck`)) === "200 OK", "the check passes");
  // before the guard, the pipe and the interceptor of the application, and outside of its prefix
  assert.equal(await ask(`${origin}/healthcheck`), "200 OK");
  assert.equal(await ask(`${origin}/healthcheck/db`), "200 OK");
  assert.equal(await ask(`${origin}/internal/health`), "200 OK");
  assert.equal(await ask(`${origin}/grpc.health.v1.Health/Check`, call), '200 {"status":"SERVING"}');
  assert.match(await ask(`${origin}/api/healthcheck`, { headers: TOKEN }), /^404 /);
  assert.match(await ask(`${origin}/api/orders`), /^403 /);
  assert.equal(await ask(`${origin}/api/orders`, { headers: TOKEN }), "200 orders");
}

const EXPECTED_IN_TESTS = {
  "a testing module, whose HTTP adapter comes after the providers": ["200 OK", "200 application", false, true],
  "Fastify's inject": [200, 200, 404, '{"status":"SERVING"}'],
  "a server of the application around Express, and body parsers off": "200 OK",
  "a response that never ends, with Express": [true, true],
  "a response that never ends, with Fastify": [true, true],
  "a gRPC server whose calls never end": [true, true],
  "a gRPC server that had the health service before the module": true,
  "app.close() waits for the drain delay when health drains already": false,
  "app.close() twice waits for one drain delay": true,
  "forRootAsync, with what it gets injected": ["200 OK", "SERVING", "NOT_SERVING", "SERVING"],
  "a module that is not global": [true, "UnknownDependenciesException"],
  "readiness: its own Health begins NOT_SERVING, and one of the application is left alone": [
    ...["NOT_SERVING", "SERVING"],
    ...["NOT_SERVING", "NOT_SERVING"],
  ],
  "wrong options": [
    ...["INVALID_OPTION", "INVALID_OPTION", "INVALID_OPTION", "INVALID_OPTION", "INVALID_TARGET"],
    ...["INVALID_OPTION", "INVALID_OPTION", "INVALID_OPTION", "INVALID_OPTION"],
  ],
};

const EXPECTED_STATUSES = {
  "": "NOT_SERVING",
  up: "SERVING",
  down: "NOT_SERVING",
  memory: "SERVING",
  "memory-low": "NOT_SERVING",
  throws: "NOT_SERVING",
  old: "NOT_SERVING",
  degraded: "SERVING",
  attempt: "SERVING",
  late: "NOT_SERVING",
};

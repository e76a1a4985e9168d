/**
 * The ten cases of grpc-node's own tests of grpc-health-check (packages/grpc-health-check/test/test-health.ts), made again with
 * the grpc-js client, and run against the class of that package and against ours: both must give the same results.
 *
 * The npm package has no tests. docs/peer-cases.md has the cases, and where our class differs beyond them.
 */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { promisify } from "node:util";
import {
  type ClientReadableStream,
  credentials,
  makeClientConstructor,
  Server,
  ServerCredentials,
  type ServiceError,
} from "@grpc/grpc-js";
import { service, HealthImplementation as Theirs } from "grpc-health-check";
import { HealthImplementation as Ours } from "../../src/index.js";
import { eventually } from "../support/eventually.js";

const CLASSES = { ours: Ours, "grpc-health-check": Theirs };

/** A Watch, with the statuses that have come, and the code of its end. */
class Watch {
  readonly statuses: string[] = [];
  code: number | undefined;
  readonly #call: ClientReadableStream<{ readonly status: string }>;

  constructor(call: ClientReadableStream<{ readonly status: string }>) {
    this.#call = call;
    call.on("data", ({ status }) => this.statuses.push(status));
    call.on("error", ({ code }: ServiceError) => {
      this.code = code;
    });
  }

  async saw(...expected: readonly string[]): Promise<void> {
    await eventually(() => this.statuses.length >= expected.length, `${expected} (saw ${this.statuses})`);
    assert.deepEqual(this.statuses, expected);
  }

  async cancel(): Promise<void> {
    this.#call.cancel();
    await eventually(() => this.code !== undefined, "the cancelled Watch ends");
  }
}

const GeneratedClient = makeClientConstructor(service, "Health");

class Client {
  readonly #client;

  constructor(address: string) {
    this.#client = new GeneratedClient(address, credentials.createInsecure());
  }

  check(name: string): Promise<unknown> {
    return this.#call("check", { service: name });
  }

  list(): Promise<unknown> {
    return this.#call("list", {});
  }

  watch(name: string): Watch {
    return new Watch(this.#client.watch?.({ service: name }));
  }

  close(): void {
    this.#client.close();
  }

  /** The answer, or the code of the error. */
  #call(method: string, request: object): Promise<unknown> {
    return new Promise((resolve) => {
      this.#client[method]?.(request, (error: ServiceError | null, answer: unknown) => resolve(error?.code ?? answer));
    });
  }
}

async function serve(t: TestContext, health: Ours | Theirs): Promise<Client> {
  const server = new Server();
  health.addToServer(server);
  const port = await promisify(server.bindAsync.bind(server))("127.0.0.1:0", ServerCredentials.createInsecure());
  const client = new Client(`127.0.0.1:${port}`);
  t.after(() => {
    client.close();
    server.forceShutdown();
  });
  return client;
}

const MAP = { "": "SERVING", serviceA: "SERVING", serviceB: "NOT_SERVING" } as const;
const NOT_FOUND = 5;
const RESOURCE_EXHAUSTED = 8;
const CANCELLED = 1;

for (const [whose, HealthImplementation] of Object.entries(CLASSES)) {
  describe(`the cases of grpc-node, ${whose}`, () => {
    test("Check of a map's services, and of an unknown one [N1, N2, N3]", async (t) => {
      const client = await serve(t, new HealthImplementation(MAP));
      assert.deepEqual(await client.check(""), { status: "SERVING" });
      assert.deepEqual(await client.check("serviceB"), { status: "NOT_SERVING" });
      assert.equal(await client.check("serviceC"), NOT_FOUND);
    });

    test("Check of a service that is set later [N4]", async (t) => {
      const health = new HealthImplementation(MAP);
      const client = await serve(t, health);
      assert.equal(await client.check("serviceC"), NOT_FOUND);
      health.setStatus("serviceC", "SERVING");
      assert.deepEqual(await client.check("serviceC"), { status: "SERVING" });
    });

    test("Watch of the server as a whole, cancelled by the client [N5]", async (t) => {
      const watch = (await serve(t, new HealthImplementation(MAP))).watch("");
      await watch.saw("SERVING");
      await watch.cancel();
      assert.deepEqual([watch.statuses, watch.code], [["SERVING"], CANCELLED]);
    });

    test("Watch of a service that changes, and of one that is set later [N6, N7]", async (t) => {
      const health = new HealthImplementation(MAP);
      const client = await serve(t, health);
      const [changed, later] = [client.watch("serviceA"), client.watch("serviceC")];
      await changed.saw("SERVING");
      await later.saw("SERVICE_UNKNOWN");
      health.setStatus("serviceA", "NOT_SERVING");
      health.setStatus("serviceC", "SERVING");
      await changed.saw("SERVING", "NOT_SERVING");
      await later.saw("SERVICE_UNKNOWN", "SERVING");
    });

    test("List has exactly the services of the map, and nothing of an empty one [N8, N9]", async (t) => {
      const entries = Object.entries(MAP).map(([name, status]) => [name, { status }]);
      const client = await serve(t, new HealthImplementation(MAP));
      assert.deepEqual(await client.list(), { statuses: Object.fromEntries(entries) });
      assert.deepEqual(await (await serve(t, new HealthImplementation({}))).list(), { statuses: {} });
    });

    test("List of 100 services answers, and of 101 it does not [N10]", async (t) => {
      const health = new HealthImplementation();
      const client = await serve(t, health);
      for (let at = 0; at < 100; at += 1) health.setStatus(`service${at}`, "SERVING");
      assert.equal(typeof (await client.list()), "object");
      health.setStatus("service100", "SERVING");
      assert.equal(await client.list(), RESOURCE_EXHAUSTED);
    });
  });
}

/** What the two classes answer differently, each seen at both. docs/peer-cases.md gives the reasons. */
describe("beyond the cases of grpc-node", () => {
  const both = async (t: TestContext, ask: (client: Client, health: Ours | Theirs) => Promise<unknown>) => {
    const results: unknown[] = [];
    for (const HealthImplementation of Object.values(CLASSES)) {
      const health = new HealthImplementation(MAP);
      results.push(await ask(await serve(t, health), health));
    }
    return results;
  };

  test("a status that is set again is sent once by ours, and twice by theirs", async (t) => {
    const seen = await both(t, async (client, health) => {
      const watch = client.watch("serviceA");
      await watch.saw("SERVING");
      health.setStatus("serviceA", "SERVING");
      health.setStatus("serviceA", "NOT_SERVING");
      await eventually(() => watch.statuses.includes("NOT_SERVING"), "the change");
      return watch.statuses;
    });
    assert.deepEqual(seen, [
      ["SERVING", "NOT_SERVING"],
      ["SERVING", "SERVING", "NOT_SERVING"],
    ]);
  });

  test("100 services beside the server as a whole are listed by ours, and too many for theirs", async (t) => {
    const seen = await both(t, async (client, health) => {
      for (let at = 2; at < 100; at += 1) health.setStatus(`service${at}`, "SERVING");
      return typeof (await client.list());
    });
    assert.deepEqual(seen, ["object", "number"]);
  });

  test("a name of 201 bytes is refused by ours, and unknown to theirs", async (t) => {
    assert.deepEqual(await both(t, (client) => client.check("x".repeat(201))), [3, NOT_FOUND]);
  });

  test("a status that does not exist is refused by ours, and ends the call of the client with theirs", async (t) => {
    const seen = await both(t, async (client, health) => {
      try {
        Reflect.apply(health.setStatus, health, ["serviceA", "OK"]);
      } catch (error) {
        return error instanceof Error && "code" in error ? error.code : error;
      }
      return client.check("serviceA");
    });
    assert.deepEqual(seen, ["INVALID_STATUS", { status: "UNKNOWN" }]);
  });
});

/** What CONTRIBUTING.md says: the table of rooms equals the ranks, and the prober that it shows works when it is added. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { tableOf } from "../support/readme.js";
import { RANKS } from "../support/source/ranks.js";
import { path } from "./snippets.js";

const run = promisify(execFile);

const TEXT = readFileSync(path("CONTRIBUTING.md"), "utf8");

test("the table of rooms has every room with its rank", () => {
  const documented = tableOf(TEXT, "rooms").flatMap(([rank = "", rooms = ""]) =>
    [...rooms.matchAll(/`([^`]+)`/g)].map(([, room = ""]) => `${rank} ${room}`),
  );
  const expected = Object.entries(RANKS).map(
    ([room, rank]) => `${rank} ${room.replace(/^transports\/.*/, "transports/*")}`,
  );
  assert.deepEqual([...documented].sort(), [...new Set(expected)].sort());
});

test("the prober that it shows needs a file and a row, and probes", { timeout: 60_000 }, async (t) => {
  const folder = mkdtempSync(path("test/docs/.contributing-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(path("src"), join(folder, "src"), { recursive: true });
  const schemes = join(folder, "src/probers/schemes.ts");
  const before = readFileSync(schemes, "utf8");
  const row = before.replace("  udp: {\n", `${snippet("prober row")}  udp: {\n`);
  assert.notEqual(row, before);
  writeFileSync(schemes, `import { openNats } from "./nats.js";\n${row}`);
  writeFileSync(join(folder, "src/probers/nats.ts"), snippet("prober"));

  const answers = { good: "PONG\r\n", bad: "-ERR 'Authorization Violation'\r\n" };
  for (const [kind, answer] of Object.entries(answers)) {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.write('INFO {"server_id":"x"}\r\n');
      socket.on("data", (bytes) => bytes.toString() === "PING\r\n" && socket.write(answer));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.after(() => server.close());
    const { port } = Object(server.address());
    const program = `
      import { Health } from "./src/index.js";
      const health = new Health();
      health.check("nats", "nats://127.0.0.1:${port}", { interval: "1s", timeout: "500ms" });
      health.onTransition(({ subject, name, to }) => {
        if (subject !== "service" || name !== "nats" || to === "UNKNOWN") return;
        console.log(to);
        process.exit();
      });
      await health.listen(["127.0.0.1:0"]);`;
    writeFileSync(join(folder, `${kind}.mts`), program);
    const { stdout } = await run(process.execPath, ["--import", "tsx", join(folder, `${kind}.mts`)]);
    assert.equal(stdout.trim(), kind === "good" ? "SERVING" : "NOT_SERVING");
  }
});

test("it names every suite and every script that a developer needs", () => {
  const { scripts } = JSON.parse(readFileSync(path("package.json"), "utf8"));
  for (const [, name = ""] of TEXT.matchAll(/`npm run ([a-z:]+)/g)) assert.ok(name in scripts, name);
  const suites = Object.keys(scripts).filter((name) => name.startsWith("test:"));
  for (const suite of suites) assert.ok(TEXT.includes(suite), suite);
  assert.ok(readdirSync(path(".ci")).includes("run"));
});

function snippet(name: string): string {
  const [, code] = new RegExp(`<!-- test: ${name} -->\n\`\`\`ts\n([\\s\\S]*?)\`\`\``).exec(TEXT) ?? [];
  assert.ok(code, `CONTRIBUTING.md has the snippet ${name}`);
  return code;
}

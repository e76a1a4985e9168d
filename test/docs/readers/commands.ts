/**
 * Reads the commands of docs as their programs would: the flags of healthbridge with its own parsers, scripts of npm by
 * their names, paths of HTTP by the routes, files by their existence. Returns what is wrong.
 *
 *     sh, console --> commands --> PROGRAMS[first word](the other words) --> problems
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { COMMANDS } from "../../../src/cli/commands.js";
import { type Flag, readFlags, UsageError } from "../../../src/cli/flags.js";
import { readProbeSettings } from "../../../src/cli/probe/probe-settings.js";
import { withTwoDashes } from "../../../src/cli/watch/target-flags.js";
import { readArguments } from "../../proof/arguments.js";
import { PROOFS } from "../../proof/proofs.js";
import { table } from "../../support/readme.js";
import { path } from "../snippets.js";
import { commandsOf } from "./shell-words.js";

type Problems = readonly string[];
type Reader = (words: readonly string[]) => Problems | Promise<Problems>;

const read = (file: string) => readFileSync(path(file), "utf8");

/** The problems of the commands of a block; `isSession`: only lines that begin with `$ ` are commands. */
export async function readCommands(code: string, isSession: boolean): Promise<Problems> {
  const typed = isSession ? [...code.matchAll(/^\$ ((?:.*\\\n)*.*)$/gm)].map(([, line]) => line).join("\n") : code;
  if (typed === "") return ["no line begins with `$ `: write `text` for output without a command"];
  const { stderr } = spawnSync("bash", ["-n"], { input: typed, encoding: "utf8" });
  if (stderr !== "") return [stderr.trim()];
  const problems = await Promise.all(commandsOf(typed).map(readCommand));
  return problems.flat();
}

async function readCommand([program = "", ...words]: readonly string[]): Promise<Problems> {
  if (program.startsWith("./")) return []; // the reader's own
  const reader = Object.hasOwn(PROGRAMS, program) ? PROGRAMS[program] : undefined;
  if (reader === undefined) return [`the program ${program} is not known: add it to PROGRAMS in test/docs/readers`];
  return (await reader(words)).map((problem) => `${[program, ...words].join(" ")}: ${problem}`);
}

/** The program is not ours, and its arguments are not read. Files of this repository in them must exist. */
const ofOthers: Reader = (words) => words.flatMap(missingFile);

const PROGRAMS: Readonly<Record<string, Reader>> = {
  healthbridge: ([first = "serve", ...rest]) =>
    first.startsWith("-") ? readOurs("serve", [first, ...rest]) : readOurs(first, rest),
  "grpc-health-probe": readProbe,
  grpc_health_probe: readProbe,
  npm: readNpm,
  npx: readCommand,
  sudo: readCommand,
  curl: (words) => words.flatMap(readUrl),
  grpcurl: (words) => [...words.flatMap(missingFile), ...words.flatMap(missingMethod)],
  ...Object.fromEntries(
    [
      ...["cd", "cp", "echo", "export", "git", "install", "jq", "mkdir", "node", "sleep", "tar", "umask"],
      ...["apt", "apt-get", "dpkg", "journalctl", "openssl", "pip", "python3", "systemctl", "systemd-analyze"],
      ...["buildah", "crun", "docker", "helm", "kubectl", "kustomize", "podman", "runc", "skopeo"],
    ].map((program) => [program, ofOthers]),
  ),
};

/** The words without a flag. */
const WORD: Flag = { name: "word", value: "WORD", repeats: true, help: "" };

async function readOurs(name: string, args: readonly string[]): Promise<Problems> {
  if (name === "--version" || name === "--help") return [];
  if (name === "probe") return readProbe(args);
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) return [`healthbridge has no command ${name}`];
  const { flags } = (await command.load()).HELP;
  try {
    readFlags([...flags, WORD], withTwoDashes(args), WORD.name);
    return [];
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return [error.message];
  }
}

function readProbe(args: readonly string[]): Problems {
  const reading = readProbeSettings(args, {});
  return "error" in reading ? [reading.error] : [];
}

function readNpm([command = "", name = "", ...args]: readonly string[]): Problems {
  if (["ci", "install", "i", "link", "pack", "publish", "test", "audit"].includes(command)) return [];
  if (command !== "run") return [`npm ${command} is not known here`];
  const { scripts } = JSON.parse(read("package.json"));
  if (!Object.hasOwn(scripts, name)) return [`package.json has no script ${name}`];
  const [dashes, ...words] = args;
  if (dashes === undefined) return [];
  if (dashes !== "--") return [`write -- before ${dashes}`];
  if (name === "bench") return read("bench/run.ts").includes(`  ${words[0]}: `) ? [] : [`no bench ${words[0]}`];
  const { area = "" } = readArguments(name === "soak" ? ["soak", ...words] : words);
  return Object.hasOwn(PROOFS, area) ? [] : [`there is no proof ${area}`];
}

/** The routes of the README. */
const ROUTES = table("routes").map(([request = ""]) => request.replaceAll("`", "").replace(/^\w+ /, ""));

/** A URL with a port, or on a host of an example, is one of healthbridge. */
export function readUrl(word: string): Problems {
  const [, route] = /^(?:https?:\/\/)?(?:[\w.-]+:\d+|[\w.-]+\.example\.\w+)(\/[^?]*)/.exec(word) ?? [];
  if (route === undefined) return [];
  const isServed = ROUTES.some(
    (each) => route === each || route.startsWith(each.replace(/\/(?:SERVICE|CHECK).*$/, "/")),
  );
  return isServed ? [] : [`healthbridge does not answer ${route}`];
}

/** A method of a call has to be in one of our .proto files. */
function missingMethod(word: string): Problems {
  const [, service, method] = /^(?:[\w.]+\.)?([A-Z]\w+)\/(\w+)$/.exec(word) ?? [];
  if (service === undefined) return [];
  const files = ["grpc/health/v1/health.proto", "healthbridge/control/v1/control.proto"];
  const isThere = files.map((file) => read(`proto/${file}`)).some((text) => text.includes(`rpc ${method}(`));
  return isThere ? [] : [`no file in proto/ has the method ${method}`];
}

/** Only folders that a fresh clone has. */
function missingFile(word: string): Problems {
  const isOurs = /^(?:\.\/)?(?:deploy|docs|proto|scripts|bench|test)\//.test(word);
  return isOurs && !existsSync(path(word)) ? [`there is no ${word}`] : [];
}

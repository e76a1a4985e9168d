/**
 * Every command of `healthbridge`.
 */
import type { CommandModule, NamedHelp } from "./help.js";

export interface Command {
  readonly summary: string;
  /** Loaded only if it is used: `serve` must not load the others. */
  readonly load: () => Promise<CommandModule>;
}

export const COMMANDS: Readonly<Record<string, Command>> = {
  serve: { summary: "serve health over gRPC and HTTP (the default command)", load: () => import("./serve.js") },
  validate: {
    summary: "check a configuration with the rules of serve, and start nothing",
    load: () => import("./validate.js"),
  },
  test: { summary: "probe a check or a URL once, and show every step", load: () => import("./test.js") },
  conformance: {
    summary: "test a gRPC health server against the rules of its protocols",
    load: () => import("./conformance.js"),
  },
  status: { summary: "show the services and checks of a running daemon", load: () => import("./status.js") },
  instances: {
    summary: "show the instances of services, with their addresses and states",
    load: () => import("./instances.js"),
  },
  members: {
    summary: "show the members of a fleet, or drain one",
    load: async () => (await import("./members.js")).MEMBERS,
  },
  owners: {
    summary: "show which members of a fleet probe a check",
    load: async () => (await import("./members.js")).OWNERS,
  },
  drain: {
    summary: "make a running daemon report NOT_SERVING",
    load: async () => (await import("./operate.js")).DRAIN,
  },
  resume: { summary: "end a drain", load: async () => (await import("./operate.js")).RESUME },
  maintenance: {
    summary: "silence the alerts of a running daemon for some time",
    load: async () => (await import("./operate.js")).MAINTENANCE,
  },
  reload: {
    summary: "make a running daemon read its configuration again",
    load: async () => (await import("./operate.js")).RELOAD,
  },
  probe: {
    summary: "ask a health service once, as grpc_health_probe does",
    load: () => import("./probe-command.js"),
  },
  list: { summary: "show the services of any health server, once", load: () => import("./list.js") },
  watch: { summary: "show the services of any health server, live", load: () => import("./watch.js") },
  schema: { summary: "print the JSON Schema of the configuration, for editors", load: () => import("./schema.js") },
  completion: { summary: "print the completions for bash, zsh or fish", load: () => import("./completion.js") },
  man: { summary: "print the man page", load: () => import("./man-page.js") },
};

/** The help of every command, in the order of the table. */
export function allHelp(): Promise<readonly NamedHelp[]> {
  return Promise.all(
    Object.entries(COMMANDS).map(async ([name, { summary, load }]) => ({ name, summary, help: (await load()).HELP })),
  );
}

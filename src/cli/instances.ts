/**
 * `healthbridge instances`: the instances of services with their addresses and states, through the control socket.
 *
 * It works without `discovery` too: an operator sees what discovery would show.
 */
import { formatHostPort } from "../core/host-port.js";
import { printable } from "../core/printable.js";
import type { ControlAnswer, InstanceDetails } from "../wire/control-messages.js";
import { askDaemon, CONTROL_EXIT_CODES, CONTROL_FLAGS } from "./control-call.js";
import { type Flag, readFlags } from "./flags.js";
import type { CommandHelp } from "./help.js";
import { table, time } from "./text-table.js";

const SERVICE: Flag = { name: "service", value: "SERVICE", help: "" };

export const HELP: CommandHelp = {
  about: `Shows the instances of services: where traffic goes, and whether discovery sends it there. With
SERVICE only this one. An instance is a check with a network target, or one that was found by
instances. It works without the key discovery too. Times are in UTC.`,
  usage: "instances [SERVICE] [FLAGS]",
  flags: CONTROL_FLAGS,
  exitCodes: [...CONTROL_EXIT_CODES, [0, "the daemon has answered, with any state"]],
  examples: [
    "healthbridge instances",
    "healthbridge instances orders",
    "healthbridge instances orders --json --control /run/healthbridge.sock",
  ],
};

interface Service {
  readonly name: string;
  readonly known: boolean;
  readonly instances: InstanceDetails[];
}

export async function run(args: readonly string[]): Promise<number> {
  const values = readFlags([...HELP.flags, SERVICE], args, SERVICE.name);
  return askDaemon({
    ...{ method: "ListInstances", request: { service: values.get(SERVICE.name)?.[0] }, values },
    print: (answers) => {
      const services = servicesOf(answers);
      return { json: { services }, text: textOf(services) };
    },
  });
}

/** A service with many instances comes in many answers. */
function servicesOf(answers: readonly ControlAnswer<"ListInstances">[]): readonly Service[] {
  const services = new Map<string, Service>();
  for (const { name, known, instances } of answers.flatMap((answer) => answer.services)) {
    const service = services.get(name) ?? { name, known, instances: [] };
    for (const instance of instances) service.instances.push(instance);
    services.set(name, service);
  }
  return [...services.values()];
}

function textOf(services: readonly Service[]): string {
  if (services.length === 0) return "no instances: no check has a network target\n";
  const unknown = services.filter(({ known }) => !known).map(({ name }) => printable(name));
  const rows = services.flatMap(rowsOf);
  const lines = table(["SERVICE", "INSTANCE", "ADDRESS", "STATE", "REASON", "WEIGHT", "TAGS", "SINCE"], rows);
  const note = `\nnot sent to discovery clients, which keep their last answer: ${unknown.join(", ")}`;
  return [...lines, ...(unknown.length === 0 ? [] : [note])].map((line) => `${line}\n`).join("");
}

function rowsOf({ name, instances }: Service): readonly (readonly string[])[] {
  if (instances.length === 0) return [[printable(name), "(none)"]];
  return instances.map((instance) => [
    ...[printable(name), printable(instance.check), addressOf(instance), stateOf(instance), printable(instance.reason)],
    ...[
      String(instance.weight),
      printable(instance.tags.join(",")),
      instance.sinceMs === 0 ? "" : time(instance.sinceMs),
    ],
  ]);
}

/** `orders.example:443 (192.0.2.1)` for a name whose address is known. */
function addressOf({ host, port, address }: InstanceDetails): string {
  const shown = formatHostPort(printable(host), port);
  return address === "" || address === host ? shown : `${shown} (${printable(address)})`;
}

function stateOf({ state, drained }: InstanceDetails): string {
  return drained ? `${state} drained` : state;
}

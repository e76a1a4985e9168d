/**
 * Finds out what a server is, before the first row:
 *
 *     connect --> Check --> List --> Watch --> facts
 *        '-----------'--> Unreachable: no row can be tried
 *
 * With a control program, which may start the server, a server that does not listen yet is waited for.
 */
import { messageOf, RowContext, type ServerFacts, type TestedServer, Unreachable, unknownName } from "./context.js";
import type { ControlProgram } from "./control.js";
import type { FrameConnection } from "./frame-connection.js";
import { readList } from "./health-watch-rows.js";
import type { StreamAnswer } from "./stream-answer.js";

/** Services of a List that rows ask for. */
const MAX_NAMES = 20;

/** The time that a control program has to start the server. */
const MAX_START_MS = 10_000;

const RETRY_MS = 100;

const NO_FACTS: ServerFacts = {
  known: undefined,
  names: [],
  overallIsKnown: false,
  noWatch: undefined,
  noList: undefined,
};

const OVERALL = "";

export interface DiscoverOptions {
  /** A service that the server has. Default `""`, or else one that List names. */
  readonly service?: string | undefined;
  readonly control?: ControlProgram | undefined;
  /** Ends it early; then it throws. */
  readonly signal: AbortSignal;
}

/** @throws Unreachable with what to do about it */
export async function discover(server: TestedServer, options: DiscoverOptions): Promise<ServerFacts> {
  const { service, control, signal } = options;
  const context = new RowContext(server, NO_FACTS);
  const onAbort = () => context.close();
  signal.addEventListener("abort", onAbort);
  try {
    const connection = await connect(context, control, signal);
    const overall = await firstCheck(context, connection, OVERALL);
    if (service !== undefined && !(await firstCheck(context, connection, service)).isOk)
      throw new Unreachable(`Check of ${JSON.stringify(service)} has no status (see --service)`);
    const list = await context.call(connection, { method: "List", body: messageOf(Buffer.alloc(0)) });
    const listed = [...((list.isOk ? readList(list) : undefined)?.keys() ?? [])];
    const names = listed.filter((name) => !name.startsWith(unknownName(""))).slice(0, MAX_NAMES);
    const known = service ?? (overall.isOk ? OVERALL : await firstKnown(context, connection, names));
    const { answer } = context.send(connection, { method: "Watch", service: known ?? unknownName("watch") });
    await context.firstMessage(connection, answer);
    const noWatch =
      answer.code === "UNIMPLEMENTED" && answer.messages.length === 0 ? "the server does not offer Watch" : undefined;
    return { known, names, overallIsKnown: overall.isOk, noWatch, noList: noListOf(list) };
  } finally {
    signal.removeEventListener("abort", onAbort);
    context.close();
  }
}

async function connect(
  context: RowContext,
  control: ControlProgram | undefined,
  signal: AbortSignal,
): Promise<FrameConnection> {
  const { clock } = context.server;
  const triesUntil = clock.now() + (control === undefined ? 0 : MAX_START_MS);
  for (;;) {
    try {
      return await context.connect();
    } catch (error) {
      if (control?.ended !== undefined) throw new Unreachable(`the control program: ${control.ended}`);
      if (signal.aborted || clock.now() >= triesUntil) throw error;
      await new Promise<void>((resolve) => clock.setTimer(RETRY_MS, resolve));
    }
  }
}

/** A Check that tells whether there is a health service. */
async function firstCheck(context: RowContext, connection: FrameConnection, service: string): Promise<StreamAnswer> {
  const answer = await context.call(connection, { service });
  const { code } = answer;
  if (!answer.hasEnded) throw new Unreachable(`no answer to Check: ${connection.describe()}`);
  if (code === "UNIMPLEMENTED")
    throw new Unreachable("the server has no service grpc.health.v1.Health (UNIMPLEMENTED)");
  if (code === "UNAUTHENTICATED" || code === "PERMISSION_DENIED")
    throw new Unreachable(`the server wants credentials (${code}; see --rpc-header)`);
  if (code === undefined && answer.field("content-type")?.startsWith("application/grpc") !== true)
    throw new Unreachable(`the answer to Check is not gRPC: ${answer.describe()}`);
  return answer;
}

async function firstKnown(
  context: RowContext,
  connection: FrameConnection,
  names: readonly string[],
): Promise<string | undefined> {
  for (const service of names) if ((await context.call(connection, { service })).isOk) return service;
  return undefined;
}

function noListOf({ code }: StreamAnswer): string | undefined {
  if (code === "UNIMPLEMENTED") return "the server does not offer List";
  return code === "RESOURCE_EXHAUSTED" ? "the server has more services than it lists" : undefined;
}

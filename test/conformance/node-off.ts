/**
 * The control: `grpc-health-check` on grpc-js, as its README has it. It is not what we serve with; the rows that it
 * fails show that the suite bites.
 */
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { HealthImplementation } from "grpc-health-check";
import type { ServerFactory } from "./server-under-test.js";

function lacks(what: string): never {
  throw new Error(`grpc-health-check has no ${what}`);
}

export const nodeOff: ServerFactory = async (options = {}) => {
  if (options.tls ?? options.listen ?? options.checks ?? options.statusCodePaths) lacks("such options");
  const server = new Server(options.keepaliveMs === undefined ? { "grpc.enable_channelz": 0 } : {});
  const health = new HealthImplementation();
  if (options.grpcHealth !== false) health.addToServer(server);
  const port = await new Promise<number>((resolve, reject) => {
    const bound = (error: Error | null, number: number) => (error === null ? resolve(number) : reject(error));
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), bound);
  });
  const watchers = (): Map<string, Set<unknown>> => Reflect.get(health, "watchers");
  return {
    port,
    addresses: [`127.0.0.1:${port}`],
    set(service, status) {
      health.setStatus(service, status);
      return true;
    },
    clear: () => lacks("clear"),
    drain: () => lacks("drain"),
    resume: () => lacks("resume"),
    shutdown: () => lacks("shutdown"),
    stop: async () => server.forceShutdown(),
    onTransition: () => lacks("transitions"),
    watcherCount: () => [...watchers().values()].reduce((sum, { size }) => sum + size, 0),
    watchedNameCount: () => watchers().size,
    connectionCount: () => lacks("count of connections"),
  };
};

/** A gRPC target and a prober of it. */
import type { Prober } from "../../src/probers/prober.js";
import { openTarget } from "../../src/probers/schemes.js";
import { grpcTarget, type OnCall, refuse, type Target } from "./targets.js";

/** Runs `body` with a prober of the target; then closes it, and waits until no client is connected. */
export async function withTarget(
  starting: Promise<Target>,
  body: (prober: Prober, target: Target) => Promise<void>,
  service = "",
): Promise<void> {
  const target = await starting;
  const prober = openTarget(`grpc://127.0.0.1:${target.port}/${service}`);
  try {
    await body(prober, target);
  } finally {
    await prober.close();
    await target.disconnected();
    await target.stop();
  }
}

/** Answers Check with bytes, and has no Watch. */
export function checking(onCheck: OnCall): Promise<Target> {
  return grpcTarget((stream, method, session) => {
    if (method === "Check") onCheck(stream, method, session);
    else refuse(stream, 12);
  });
}

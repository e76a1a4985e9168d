/** What the members of a fleet send to a webhook. */
import { createServer, type Server } from "node:http";

export const RECEIVER_PORT = 7000;

export interface WebhookRequest {
  readonly at: number;
  readonly from: string;
  readonly key: string;
  readonly changes: readonly string[];
  readonly isAnswered: boolean;
}

/** A receiver of webhooks in the test's own namespace. While it `hangs`, no request is answered. */
export class WebhookReceiver {
  readonly requests: WebhookRequest[] = [];
  hangs = false;
  /** Called with each request, before it is answered. */
  onRequest: (request: WebhookRequest) => void = () => {};
  readonly #server: Server;

  constructor() {
    this.#server = createServer(async (request, response) => {
      let body = "";
      for await (const piece of request) body += piece;
      const changes = JSON.parse(body).changes.map(
        ({ service, status }: { service: string; status: string }) => `${service} ${status}`,
      );
      const key = String(request.headers["idempotency-key"]);
      const received = {
        at: Math.round(performance.now()),
        from: String(request.socket.remoteAddress),
        key,
        changes,
        isAnswered: !this.hangs,
      };
      this.requests.push(received);
      this.onRequest(received);
      if (!this.hangs) response.end();
    });
  }

  async listen(host: string): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(RECEIVER_PORT, host, resolve));
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

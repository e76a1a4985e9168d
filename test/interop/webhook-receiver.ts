/** A receiver of webhooks that answers as a test says: well, with an error, half, or not at all. It keeps every byte. */
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http";

/** One request with its whole body. */
export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** It was answered with 204: the sender knows that it was delivered. */
  readonly isAccepted: boolean;
}

/** What the receiver does with a request. */
export type Behaviour = "accept" | "error" | "busy" | "hang" | "reset" | "half";

export class WebhookReceiver {
  readonly requests: Received[] = [];
  behaviour: Behaviour = "accept";
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<WebhookReceiver> {
    const server = createServer((request, response) => {
      let body = "";
      request.setEncoding("utf8").on("data", (text) => {
        body += text;
      });
      request.on("end", () => {
        const { url: path = "", headers } = request;
        receiver.requests.push({ path, headers, body, isAccepted: receiver.behaviour === "accept" });
        answer(receiver.behaviour, response);
      });
    });
    const receiver = new WebhookReceiver(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${Object(this.#server.address()).port}`;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

function answer(behaviour: Behaviour, response: ServerResponse): void {
  switch (behaviour) {
    case "accept":
      response.writeHead(204).end();
      break;
    case "error":
      response.writeHead(500).end("no");
      break;
    case "busy":
      response.writeHead(429, { "retry-after": "1" }).end();
      break;
    case "hang":
      break;
    case "reset":
      response.socket?.resetAndDestroy();
      break;
    case "half":
      response.socket?.end("HTTP/1.1 204 No Con");
      break;
    default:
      behaviour satisfies never;
  }
}

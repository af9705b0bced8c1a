import { Webhook } from "standardwebhooks";
import { afterAll } from "vitest";

/** A delivery as it came, its signature verified. */
export interface Received {
  webhookId: string;
  type: string;
  timestamp: string;
  // deno-lint-ignore no-explicit-any
  data: any;
  signatures: string[];
  body: string;
}

/** A server on this machine that takes alerts. */
export interface AlertReceiver {
  url: string;
  /** The received requests, whatever the response, in order. */
  received: Received[];
  /** Secrets that deliveries may be signed with; one that fits none throws into `invalid`. */
  secrets: string[];
  invalid: unknown[];
  /** Chooses the answer to each delivery: a status, or a whole response. */
  answer: (received: Received) => number | Response | Promise<number | Response>;
  /** Closes its port. */
  goDown(): Promise<void>;
  /** Opens the same port again. */
  comeUp(): void;
}

/** Starts one; it ends after the test file. */
export function openAlertReceiver(secrets: string[] = []): AlertReceiver {
  let port = 0;
  let server: Deno.HttpServer<Deno.NetAddr>;
  const receiver: AlertReceiver = {
    url: "",
    received: [],
    secrets,
    invalid: [],
    answer: () => 204,
    goDown: () => server.shutdown(),
    comeUp,
  };

  function comeUp(): void {
    server = Deno.serve({ port, hostname: "127.0.0.1", onListen: () => {}, onError: () => broken() }, take);
    port = server.addr.port;
    receiver.url = `http://127.0.0.1:${port}/hooks/secret-path`;
  }

  async function take(request: Request): Promise<Response> {
    const body = await request.text();
    const headers = Object.fromEntries(request.headers);
    if (!receiver.secrets.some((secret) => isSignedWith(secret, body, headers))) {
      receiver.invalid.push({ headers, body });
      return new Response(null, { status: 401 });
    }
    const { type, timestamp, data } = JSON.parse(body);
    const signatures = headers["webhook-signature"]!.split(" ");
    const received = { webhookId: headers["webhook-id"]!, type, timestamp, data, signatures, body };
    receiver.received.push(received);
    const answer = await receiver.answer(received);
    return typeof answer === "number" ? new Response(null, { status: answer }) : answer;
  }

  comeUp();
  afterAll(() => server.shutdown());
  return receiver;
}

function isSignedWith(secret: string, body: string, headers: Record<string, string>): boolean {
  try {
    new Webhook(secret).verify(body, headers);
    return true;
  } catch {
    return false;
  }
}

function broken(): Response {
  return new Response(null, { status: 500 });
}

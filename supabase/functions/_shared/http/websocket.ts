import { AppError } from "../platform/errors.ts";

/** What a session needs of a WebSocket; both ends of it are one. */
export type Socket = Pick<
  WebSocket,
  "send" | "close" | "readyState" | "bufferedAmount" | "onopen" | "onmessage" | "onclose" | "onerror"
>;

export const OPEN = 1;

/** The subprotocol that is spoken here; a client offers it together with its token. */
const PROTOCOL = "tessera";
const TOKEN_PREFIX = "bearer.";
/** A client that does not answer a ping for this long is gone. */
const PING_TIMEOUT_S = 20;
/** A connection that broke inside its handshake never opens, and nothing says so. */
const OPENS_WITHIN_MS = 2_000;

/**
 * The same request with the token of `["tessera", "bearer.<jwt>"]` in the Authorization header, which a browser's
 * WebSocket cannot set; a header that is there counts. An address would end up in logs.
 */
export function withProtocolToken(request: Request): Request {
  if (request.headers.has("Authorization")) return request;
  const token = protocolsOf(request).find((one) => one.startsWith(TOKEN_PREFIX))?.slice(TOKEN_PREFIX.length);
  if (!token) return request;
  const headers = new Headers(request.headers);
  headers.set("Authorization", `Bearer ${token}`);
  return new Request(request.url, { method: request.method, headers });
}

/** Refuses what is no handshake of a WebSocket. Throws `upgrade_required` and `invalid_request`. */
export function checkHandshake({ headers }: Request): void {
  if (headers.get("Upgrade")?.toLowerCase() !== "websocket") {
    throw new AppError("upgrade_required", "This is a WebSocket: connect with Upgrade: websocket", {
      headers: { Upgrade: "websocket" },
    });
  }
  const isWhole = headers.get("Sec-WebSocket-Version") === "13" && headers.has("Sec-WebSocket-Key");
  if (!isWhole) throw noHandshake();
}

function noHandshake(cause?: unknown): AppError {
  return new AppError("invalid_request", "This is not a valid WebSocket handshake", { cause });
}

/**
 * Accepts a WebSocket; the caller answers with the response in any case. Only the server's own request object can be
 * upgraded, no copy. `closed` resolves when the connection is gone, which may be long after `close()`, or never came about.
 */
export function upgrade(request: Request): { socket: Socket; response: Response; closed: Promise<void> } {
  // A client that offered none must be answered none, or it hangs up.
  const protocol = protocolsOf(request).includes(PROTOCOL) ? PROTOCOL : undefined;
  try {
    const { socket, response } = Deno.upgradeWebSocket(request, { protocol, idleTimeout: PING_TIMEOUT_S });
    // Of some runtimes the headers of this response cannot be changed, and nobody would read them.
    Object.defineProperty(response, "headers", { configurable: true, value: new Headers(response.headers) });
    const closed = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, OPENS_WITHIN_MS);
      socket.addEventListener("open", () => clearTimeout(timer));
      socket.addEventListener("close", () => resolve());
    });
    return { socket, response, closed };
  } catch (cause) {
    throw noHandshake(cause);
  }
}

function protocolsOf(request: Request): string[] {
  return (request.headers.get("Sec-WebSocket-Protocol") ?? "").split(",").map((one) => one.trim());
}

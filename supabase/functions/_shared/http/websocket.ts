import { AppError } from "../platform/errors.ts";

/** The part of a WebSocket that a session needs, for its client and for its provider. */
export type Socket = Pick<
  WebSocket,
  "send" | "close" | "readyState" | "bufferedAmount" | "onopen" | "onmessage" | "onclose" | "onerror"
>;

export const OPEN = 1;

/** The subprotocol of this server. A client offers it together with its token, and the wallet that is to pay. */
const PROTOCOL = "tessera";
const TOKEN_PREFIX = "bearer.";
const WALLET_PREFIX = "wallet.";
/** A client that does not answer a ping for this long is gone. */
const PING_TIMEOUT_S = 20;
/** A connection that breaks during the handshake never opens, and no event reports it. */
const OPENS_WITHIN_MS = 2_000;

/**
 * Moves the subprotocols `["tessera", "bearer.<jwt>", "wallet.<id>"]` into the headers Authorization and Tessera-Wallet,
 * which a browser's WebSocket cannot set. An existing header wins. A token in the URL would end up in logs.
 */
export function withProtocolHeaders(request: Request): Request {
  const headers = new Headers(request.headers);
  const token = protocolValue(request, TOKEN_PREFIX);
  if (token && !headers.has("Authorization")) headers.set("Authorization", `Bearer ${token}`);
  const wallet = protocolValue(request, WALLET_PREFIX);
  if (wallet && !headers.has("Tessera-Wallet")) headers.set("Tessera-Wallet", wallet);
  return token || wallet ? new Request(request.url, { method: request.method, headers }) : request;
}

function protocolValue(request: Request, prefix: string): string | undefined {
  return protocolsOf(request).find((one) => one.startsWith(prefix))?.slice(prefix.length);
}

/** Checks for a WebSocket handshake. Throws `upgrade_required` and `invalid_request`. */
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
 * Accepts a WebSocket; the caller must return the response. Only the server's own request object can be upgraded, no
 * copy. `closed` resolves when the connection is gone, which may be long after `close()`, or when it never opened.
 */
export function upgrade(request: Request): { socket: Socket; response: Response; closed: Promise<void> } {
  // A client that offered no subprotocol must get none, or it hangs up.
  const protocol = protocolsOf(request).includes(PROTOCOL) ? PROTOCOL : undefined;
  try {
    const { socket, response } = Deno.upgradeWebSocket(request, { protocol, idleTimeout: PING_TIMEOUT_S });
    // On some runtimes the headers of this response cannot be changed, and nobody would read them.
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

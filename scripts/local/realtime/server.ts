import { createServer, type IncomingMessage, type Server } from "node:http";
import { nextTick } from "node:process";
import type { Duplex } from "node:stream";
// @ts-types="./ws.d.ts"
import { type WebSocket, WebSocketServer } from "ws";
import { BroadcastApi, send } from "./broadcast_api.ts";
import { Connection, type Transport } from "./connection.ts";
import type { Context } from "./context.ts";
import { onTheWire, type Serializer } from "./wire/message.ts";
import { version1 } from "./wire/version1.ts";
import { version2 } from "./wire/version2.ts";

/** The largest frame that the real server reads. */
const MAX_FRAME_BYTES = 5_000_000;
/** A client that says nothing for so long is disconnected. */
const SILENCE_MS = 60_000;
const NORMAL = 1000;
/** Of a WebSocket. */
const OPEN = 1;

/** The HTTP server with its WebSocket, at the paths that follow `/realtime/v1` on the gateway. */
export function createRealtimeServer(
  context: Context,
  options: { metricsToken: string; silenceMs?: number },
): Server {
  const { silenceMs = SILENCE_MS } = options;
  const api = new BroadcastApi(context);
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_FRAME_BYTES,
    perMessageDeflate: false,
    clientTracking: false,
    skipUTF8Validation: true,
  });
  const server = createServer(async (request, response) => {
    const url = urlOf(request);
    if (!url) return send({ status: 400, body: { errors: { detail: "Bad Request" } } }, response);
    if (request.method === "GET" && url.pathname === "/metrics") {
      if (request.headers.authorization !== `Bearer ${options.metricsToken}`) {
        return send({ status: 403, body: { message: "Forbidden" } }, response);
      }
      response.writeHead(200, { "content-type": "text/plain; version=0.0.4" });
      return void response.end(context.measures.text());
    }
    if (request.method === "GET" && url.pathname === "/api/ping") {
      return send({ status: 200, body: { message: "Success" } }, response);
    }
    try {
      const answer = await api.answer(request, url);
      send(answer ?? { status: 404, body: { errors: { detail: "Not Found" } } }, response);
    } catch (error) {
      console.error(`${request.method} ${url.pathname}:`, error);
      send({ status: 500, body: { errors: { detail: "Internal Server Error" } } }, response);
    }
  });
  server.on("upgrade", async (request: IncomingMessage, socket: Duplex, head) => {
    socket.on("error", () => socket.destroy());
    const admitted = await admit(context, request);
    if (socket.destroyed) return;
    if ("status" in admitted) return refuse(socket, admitted.status);
    sockets.handleUpgrade(
      request,
      socket,
      head,
      (webSocket) => serve(context, transportOver(webSocket, socket), webSocket, admitted, silenceMs),
    );
  });
  return server;
}

/** Undefined for what is no path. */
function urlOf({ url = "/" }: IncomingMessage): URL | undefined {
  // As a path alone: what begins with // would name a host.
  return URL.parse(`http://realtime${url.startsWith("/") ? "" : "/"}${url}`) ?? undefined;
}

interface Admitted {
  serializer: Serializer;
  apiKey: string;
  headers: Record<string, string>;
}

async function admit(
  { credentials, measures, limits }: Context,
  request: IncomingMessage,
): Promise<Admitted | { status: string }> {
  const url = urlOf(request);
  if (!url) return { status: "400 Bad Request" };
  if (url.pathname !== "/websocket") return { status: "404 Not Found" };
  const header = request.headers["x-api-key"];
  const apiKey = typeof header === "string" ? header : url.searchParams.get("apikey");
  if (!apiKey) return { status: "401 Unauthorized" };
  const version = url.searchParams.get("vsn") ?? "1.0.0";
  const serializer = /^1\.0\.\d+$/.test(version)
    ? version1
    : /^2\.0\.\d+$/.test(version)
    ? version2
    : undefined;
  if (!serializer) return { status: "403 Forbidden" };
  const isKnown = await credentials.claimsOf(apiKey).then(() => true, () => false);
  if (!isKnown) return { status: apiKey.startsWith("sb_") ? "401 Unauthorized" : "403 Forbidden" };
  if (measures.connections >= limits.connections) return { status: "403 Forbidden" };
  const headers = Object.entries(request.headers).filter(([name]) => name.startsWith("x-"));
  return {
    serializer,
    apiKey,
    headers: Object.fromEntries(headers.map(([name, value]) => [name, String(value)])),
  };
}

function serve(
  context: Context,
  transport: Transport,
  webSocket: WebSocket,
  { serializer, apiKey, headers }: Admitted,
  silenceMs: number,
): void {
  const connection = new Connection(context, transport, serializer, apiKey, headers);
  let lastHeardMs = performance.now();
  const hear = () => {
    lastHeardMs = performance.now();
  };
  const watch = setInterval(() => {
    if (performance.now() - lastHeardMs > silenceMs) webSocket.close(NORMAL);
  }, silenceMs / 6);
  webSocket.on("message", (data: Uint8Array, isBinary: boolean) => {
    hear();
    connection.receive(data, isBinary);
  });
  webSocket.on("ping", hear).on("pong", hear);
  webSocket.on("error", () => {});
  webSocket.on("close", () => {
    clearInterval(watch);
    connection.end();
  });
}

function transportOver(webSocket: WebSocket, socket: Duplex): Transport {
  let isCorked = false;
  const uncork = () => {
    isCorked = false;
    socket.uncork();
  };
  return {
    // Past the library, which makes a header for each receiver and writes it by itself: a room's message is made once.
    send(frame) {
      if (webSocket.readyState !== OPEN) return;
      if (!isCorked) {
        isCorked = true;
        socket.cork();
        nextTick(uncork);
      }
      socket.write(onTheWire(frame));
    },
    get unsentBytes() {
      return webSocket.bufferedAmount;
    },
    close: (code) => webSocket.close(code),
    destroy: () => webSocket.terminate(),
    pause: () => webSocket.pause(),
    resume: () => webSocket.resume(),
  };
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

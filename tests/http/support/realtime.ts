import { Buffer } from "node:buffer";
import { afterAll } from "vitest";

import { eventually } from "./calls.ts";
import { demoModelUrl } from "./functions.ts";

// deno-lint-ignore no-explicit-any
export type Event = { type: string; [field: string]: any };

/** A client's end of a session. */
export interface Talk {
  /** All that came so far. */
  events: Event[];
  protocol: string;
  /** Whether the session began at all. */
  isOpened: Promise<boolean>;
  send(event: object | string | Uint8Array<ArrayBuffer>): void;
  /** The next event of this type that was not given out yet. */
  next(type: string): Promise<Event>;
  /** Hangs up. */
  close(): void;
  closed: Promise<{ code: number; reason: string }>;
}

/** Opens a session as a browser does, with the token among the subprotocols. */
export function openTalk(
  address: string,
  { token, protocols = ["tessera", `bearer.${token}`] }: { token?: string; protocols?: string[] },
): Talk {
  const socket = new WebSocket(address.replace(/^http/, "ws"), protocols);
  const events: Event[] = [];
  let taken = new Set<Event>();
  socket.onmessage = ({ data }) => events.push(JSON.parse(data));
  socket.onerror = (event) => event.preventDefault();
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    socket.onclose = ({ code, reason }) => resolve({ code, reason })
  );
  const isOpened = new Promise<boolean>((resolve) => {
    socket.onopen = () => resolve(true);
    closed.then(() => resolve(false));
  });
  let isClosed = false;
  closed.then(() => isClosed = true);
  return {
    events,
    isOpened,
    get protocol() {
      return socket.protocol;
    },
    send(event) {
      const isRaw = typeof event === "string" || event instanceof Uint8Array;
      socket.send(isRaw ? event : JSON.stringify(event));
    },
    async next(type) {
      const find = () => events.find((event) => event.type === type && !taken.has(event));
      const event = await eventually(
        `the event ${type}`,
        () => find() ?? (isClosed ? null : undefined),
        10_000,
      );
      if (event === null) throw new Error(`closed without ${type}: ${JSON.stringify(events).slice(-2_000)}`);
      taken = taken.add(event);
      return event;
    },
    close: () => socket.close(1000),
    closed,
  };
}

export function say(talk: Talk, text = "How do I squat?"): void {
  talk.send({
    type: "conversation.item.create",
    item: { type: "message", role: "user", content: [{ type: "input_text", text }] },
  });
  talk.send({ type: "response.create" });
}

/** PCM of 16 bits at 24 kHz, in base64. */
export function sound(seconds: number, loudness: number): string {
  const samples = new Int16Array(Math.round(seconds * 24_000)).fill(loudness);
  return Buffer.from(samples.buffer).toString("base64");
}

export function append(talk: Talk, audio: string): void {
  talk.send({ type: "input_audio_buffer.append", audio });
}

export interface Exchange {
  /** For AI_BASE_URL. */
  baseUrl: string;
  /** The demo model that the next sessions are connected to. */
  model: string;
  /** The events that providers received, and their subprotocols. */
  sent: Event[];
  protocols: string[];
  /** How many sessions have a provider. */
  readonly open: number;
  /** Ends all providers' connections. */
  drop(): void;
}

const DEFAULT_MODEL = "demo-realtime-usage-1000-400";

/** Stands between a functions process and the demo model, and chooses which of its models talks; ends after the file. */
export function openExchange(): Exchange {
  const lines = new Set<WebSocket>();
  const exchange = { baseUrl: "", model: DEFAULT_MODEL, sent: [] as Event[], protocols: [] as string[] };
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
    const offered = request.headers.get("sec-websocket-protocol") ?? "";
    exchange.protocols.push(...offered.split(/\s*,\s*/));
    const { socket, response } = Deno.upgradeWebSocket(request, { protocol: "realtime" });
    const address = `${demoModelUrl.replace(/^http/, "ws")}/v1/realtime?model=${exchange.model}`;
    const demo = new WebSocket(address, ["realtime", "openai-insecure-api-key.test"]);
    lines.add(socket);
    socket.onmessage = ({ data }) => {
      exchange.sent.push(JSON.parse(data));
      if (demo.readyState === WebSocket.OPEN) demo.send(data);
    };
    demo.onmessage = ({ data }) => socket.readyState === WebSocket.OPEN && socket.send(data);
    demo.onclose = () => socket.close();
    demo.onerror = () => {};
    socket.onerror = () => {};
    socket.onclose = () => {
      lines.delete(socket);
      demo.close();
    };
    return response;
  });
  afterAll(async () => {
    for (const socket of lines) socket.close();
    await server.shutdown();
  });
  exchange.baseUrl = `http://127.0.0.1:${server.addr.port}/v1`;
  return Object.defineProperties(exchange, {
    open: { get: () => lines.size },
    drop: { value: () => lines.forEach((socket) => socket.close(1011, "dropped")) },
  }) as Exchange;
}

import { afterEach, inject } from "vitest";

/** A message as version 2 has it: join_ref, ref, topic, event, payload. */
// deno-lint-ignore no-explicit-any -- what a server says is looked at by each test
export type Message = [string | null, string | null, string, string, any];

/** A client that speaks the protocol itself, so that nothing is between the test and what goes over the wire. */
export interface Wire {
  /** All that came so far. */
  readonly received: (Message | Uint8Array)[];
  send(message: Message | string | Uint8Array): void;
  /** Sends a message and waits for its reply. */
  ask(message: Message): Promise<{ status: string; response: Record<string, unknown> }>;
  /** Joins a topic; resolves to the reply. */
  join(topic: string, payload?: unknown): Promise<{ status: string; response: Record<string, unknown> }>;
  /** The first message, of what came or comes, that fits. */
  next(fits: (message: Message) => boolean): Promise<Message>;
  nextBytes(): Promise<Uint8Array>;
  /** The code that the connection is closed with. */
  closed: Promise<number>;
  close(): void;
}

const PATIENCE_MS = 20_000;
const open = new Set<Wire>();

afterEach(async () => {
  for (const wire of open) wire.close();
  await Promise.all([...open].map(({ closed }) => closed));
  open.clear();
});

/** Connects; rejects where the upgrade is refused. */
export async function openWire(
  {
    base = inject("stack").url,
    apiKey = inject("stack").publishableKey,
    version = "2.0.0",
    path = "/realtime/v1",
  }: { base?: string; apiKey?: string | null; version?: string; path?: string } = {},
): Promise<Wire> {
  const query = new URLSearchParams({ vsn: version, ...(apiKey ? { apikey: apiKey } : {}) });
  const socket = new WebSocket(`${base.replace(/^http/, "ws")}${path}/websocket?${query}`);
  socket.binaryType = "arraybuffer";
  const received: (Message | Uint8Array)[] = [];
  const waiting = new Set<() => void>();
  const closed = new Promise<number>((resolve) => socket.onclose = ({ code }) => resolve(code));
  let isClosed = false;
  closed.then(() => {
    isClosed = true;
    for (const look of waiting) look();
  });
  socket.onmessage = ({ data }) => {
    received.push(typeof data === "string" ? parse(data, version) : new Uint8Array(data));
    for (const look of waiting) look();
  };
  await new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve();
    socket.onerror = () => reject(new Error("the connection is refused"));
  });
  socket.onerror = () => {};

  function find<Found>(pick: (one: Message | Uint8Array) => Found | undefined): Promise<Found> {
    return new Promise((resolve, reject) => {
      let at = 0;
      const end = (work: () => void) => {
        clearTimeout(timer);
        waiting.delete(look);
        work();
      };
      const look = () => {
        for (; at < received.length; at++) {
          const found = pick(received[at]!);
          if (found !== undefined) return end(() => resolve(found));
        }
        if (isClosed) end(() => reject(new Error("the connection is closed")));
      };
      const timer = setTimeout(
        () => end(() => reject(new Error(`waited in vain; received: ${JSON.stringify(received)}`))),
        PATIENCE_MS,
      );
      waiting.add(look);
      look();
    });
  }

  let lastRef = 0;
  const wire: Wire = {
    received,
    closed,
    close: () => socket.close(),
    send(message) {
      if (message instanceof Uint8Array) socket.send(message as Uint8Array<ArrayBuffer>);
      else socket.send(typeof message === "string" ? message : text(message, version));
    },
    next: (fits) => find((one) => one instanceof Uint8Array || !fits(one) ? undefined : one),
    nextBytes: () => find((one) => one instanceof Uint8Array ? one : undefined),
    async ask(message) {
      wire.send(message);
      const [, , , , payload] = await wire.next(([, ref, , event]) =>
        event === "phx_reply" && ref === message[1]
      );
      return payload;
    },
    join(topic, payload = { config: {} }) {
      const ref = `join-${++lastRef}`;
      return wire.ask([ref, ref, topic, "phx_join", payload]);
    },
  };
  open.add(wire);
  return wire;
}

function text([joinRef, ref, topic, event, payload]: Message, version: string): string {
  return JSON.stringify(
    version.startsWith("1.")
      ? { join_ref: joinRef, ref, topic, event, payload }
      : [joinRef, ref, topic, event, payload],
  );
}

function parse(data: string, version: string): Message {
  const message = JSON.parse(data);
  if (!version.startsWith("1.")) return message;
  return [null, message.ref, message.topic, message.event, message.payload];
}

/** A user's broadcast as version 2 sends it. */
export function userBroadcast(
  { joinRef, ref, topic, event, payload, metadata = "" }: {
    joinRef: string;
    ref: string;
    topic: string;
    event: string;
    payload: Uint8Array | object;
    metadata?: string;
  },
): Uint8Array {
  const encoder = new TextEncoder();
  const fields = [joinRef, ref, topic, event, metadata].map((field) => encoder.encode(field));
  const isBinary = payload instanceof Uint8Array;
  const bytes = isBinary ? payload : encoder.encode(JSON.stringify(payload));
  return Uint8Array.from([
    3,
    ...fields.map(({ length }) => length),
    isBinary ? 0 : 1,
    ...fields.flatMap((field) => [...field]),
    ...bytes,
  ]);
}

/** What version 2 receives of a user's broadcast. */
export function readUserBroadcast(bytes: Uint8Array) {
  const decoder = new TextDecoder();
  const [kind, topicSize, eventSize, metaSize, encoding] = bytes;
  if (kind !== 4) throw new Error(`not a user's broadcast: ${kind}`);
  let at = 5;
  const field = (size: number) => decoder.decode(bytes.subarray(at, at += size));
  const [topic, event, meta] = [field(topicSize!), field(eventSize!), field(metaSize!)];
  const payload = bytes.subarray(at);
  return {
    topic,
    event,
    meta: meta === "" ? undefined : JSON.parse(meta),
    payload: encoding === 1 ? JSON.parse(decoder.decode(payload)) : [...payload],
  };
}

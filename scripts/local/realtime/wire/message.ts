/** By which a client knows what an answer is for; it goes back as it came. */
export type Reference = string | number | null;

/** What a client sends: a Phoenix message, or the broadcast of a user that version 2 packs into bytes. */
export interface ClientMessage {
  joinRef: Reference;
  ref: Reference;
  topic: string;
  event: string;
  payload: unknown;
  /** Of the whole message, as it came. */
  byteLength: number;
}

/** A broadcast whose payload is passed on as the bytes that it came in. */
export class UserBroadcast {
  constructor(
    readonly event: string,
    readonly encoding: "json" | "binary",
    readonly bytes: Uint8Array,
    /** What the sender tells only the server. */
    readonly metadata: Record<string, unknown> = {},
  ) {}
}

/** Bytes that a client sent as the payload of an event that takes JSON. */
export class BinaryPayload {
  constructor(readonly bytes: Uint8Array) {}
}

/** What a client is sent: text, or bytes. */
export interface Frame {
  bytes: Uint8Array;
  isBinary: boolean;
  /** As it goes over the wire, once somebody was sent it: the same for all. */
  onTheWire?: Uint8Array;
}

/** What goes to everybody in a room. */
export type RoomMessage =
  | { kind: "json"; event: string; payload: unknown }
  /** As `json`, but its payload is JSON text already. */
  | { kind: "text"; event: string; payload: string }
  | { kind: "user"; broadcast: UserBroadcast; meta?: Record<string, unknown> };

/** One version of the protocol. */
export interface Serializer {
  readonly version: "1.0.0" | "2.0.0";
  /** Throws for what is no message. */
  decode(data: Uint8Array, isBinary: boolean): Omit<ClientMessage, "byteLength">;
  reply(
    message: Pick<ClientMessage, "joinRef" | "ref" | "topic">,
    status: "ok" | "error",
    response: unknown,
  ): Frame;
  /** From a channel to its own client; its payload as JSON. */
  push(joinRef: Reference, topic: string, event: string, payload: string): Frame;
  /** Of the socket about a channel: its end. */
  end(joinRef: Reference, topic: string, event: "phx_close" | "phx_error"): Frame;
  /** To whoever is in a room; undefined where this version cannot say it. */
  room(topic: string, message: RoomMessage): Frame | undefined;
}

/** A frame with its header: a server's are not masked, and so are the same for everybody. RFC 6455, section 5.2. */
export function onTheWire(frame: Frame): Uint8Array {
  return frame.onTheWire ??= withHeader(frame);
}

function withHeader({ bytes, isBinary }: Frame): Uint8Array {
  const size = bytes.length;
  const headerSize = size < 126 ? 2 : size < 65_536 ? 4 : 10;
  const whole = new Uint8Array(headerSize + size);
  const view = new DataView(whole.buffer);
  view.setUint8(0, isBinary ? 0x82 : 0x81);
  if (headerSize === 2) view.setUint8(1, size);
  else if (headerSize === 4) {
    view.setUint8(1, 126);
    view.setUint16(2, size);
  } else {
    view.setUint8(1, 127);
    view.setBigUint64(2, BigInt(size));
  }
  whole.set(bytes, headerSize);
  return whole;
}

/** Thrown for what cannot be read; the connection is closed over it. */
export class UnreadableMessage extends Error {}

/** Reads a reference; anything else could not go back to its client. */
export function referenceOf(value: unknown): Reference {
  if (value === undefined || value === null) return null;
  if (typeof value === "string" || typeof value === "number") return value;
  throw new UnreadableMessage("a reference is text");
}

/** Digits that a number of JavaScript would not give back: many of them, an exponent, zeros at the end. */
const INEXACT = /[[:,\s]-?(?:[\d.]{16}|\d+(?:\.\d+)?[eE]|\d+\.\d*0[,\]}\s]|(?<=-)0[,\]}\s])/;

/** Whether a message has a payload that is passed on to others, and numbers that would not come through. */
export function isToBeExact(event: unknown, text: string): boolean {
  return (event === "broadcast" || event === "presence") && INEXACT.test(text);
}

/** Reads JSON that is passed on: its numbers are written again as they came. */
export function parseExactly(text: string): unknown {
  if (!INEXACT.test(text)) return JSON.parse(text);
  return JSON.parse(
    text,
    (_name, value, { source }: { source?: string } = {}) =>
      typeof value === "number" && source !== undefined && String(value) !== source ? rawJson(source) : value,
  );
}

// Of ECMAScript 2026, whose types are not there yet.
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function textFrame(text: string): Frame {
  return { bytes: encoder.encode(text), isBinary: false };
}

export function textOf(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text);
}

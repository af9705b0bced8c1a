import { Buffer } from "node:buffer";
import {
  BinaryPayload,
  bytesOf,
  type ClientMessage,
  type Frame,
  isToBeExact,
  parseExactly,
  type Reference,
  referenceOf,
  type RoomMessage,
  type Serializer,
  textFrame,
  textOf,
  UnreadableMessage,
  UserBroadcast,
} from "./message.ts";

/** The first byte of a message of bytes: its kind. */
const PUSH = 0;
const USER_BROADCAST_PUSH = 3;
const USER_BROADCAST = 4;

type Decoded = Omit<ClientMessage, "byteLength">;

/** A size is one byte. */
const MAX_FIELD_BYTES = 255;

/** Version 2.0.0: JSON arrays, and a user's broadcasts as bytes, whatever their payload is. */
export const version2: Serializer = {
  version: "2.0.0",
  decode: (data, isBinary) => isBinary ? decodeBinary(data) : decodeText(data),
  reply: ({ joinRef, ref, topic }, status, response) =>
    arrayFrame([joinRef, ref, topic, "phx_reply", { status, response }]),
  push: (joinRef, topic, event, payload) => payloadFrame(joinRef, topic, event, payload),
  end: (joinRef, topic, event) => arrayFrame([joinRef, joinRef, topic, event, {}]),
  room: (topic, message) => roomFrame(topic, message),
};

function arrayFrame(parts: unknown[]): Frame {
  return textFrame(JSON.stringify(parts));
}

/** Its payload is JSON already. */
function payloadFrame(joinRef: Reference, topic: string, event: string, payload: string): Frame {
  return textFrame(
    `[${JSON.stringify(joinRef)},null,${JSON.stringify(topic)},${JSON.stringify(event)},${payload}]`,
  );
}

function decodeText(data: Uint8Array): Decoded {
  const text = textOf(data);
  const message = JSON.parse(text);
  if (!Array.isArray(message) || message.length < 5) {
    throw new UnreadableMessage("expected an array of version 2");
  }
  const [joinRef, ref, topic, event, payload] = message;
  if (typeof topic !== "string" || typeof event !== "string") {
    throw new UnreadableMessage("expected a topic and an event");
  }
  return {
    joinRef: referenceOf(joinRef),
    ref: referenceOf(ref),
    topic,
    event,
    payload: isToBeExact(event, text) ? (parseExactly(text) as unknown[])[4] : payload,
  };
}

function decodeBinary(data: Uint8Array): Decoded {
  let at = 1;
  const size = () => {
    const value = data[at++];
    if (value === undefined) throw new UnreadableMessage("the bytes end in the header");
    return value;
  };
  const field = (length: number) => {
    if (at + length > data.length) throw new UnreadableMessage("the bytes end in a field");
    const text = textOf(data.subarray(at, at + length));
    at += length;
    return text;
  };
  switch (data[0]) {
    case PUSH: {
      const sizes = [size(), size(), size(), size()];
      const [joinRef, ref, topic, event] = sizes.map(field) as [string, string, string, string];
      return { joinRef, ref, topic, event, payload: new BinaryPayload(data.subarray(at)) };
    }
    case USER_BROADCAST_PUSH: {
      const sizes = [size(), size(), size(), size(), size()];
      const encoding = size() === 0 ? "binary" : "json";
      const [joinRef, ref, topic, event, metadata] = sizes.map(field) as [
        string,
        string,
        string,
        string,
        string,
      ];
      const payload = new UserBroadcast(
        event,
        encoding,
        data.subarray(at),
        metadata === "" ? {} : JSON.parse(metadata),
      );
      return { joinRef, ref, topic, event: "broadcast", payload };
    }
    default:
      throw new UnreadableMessage(`bytes of an unknown kind: ${data[0]}`);
  }
}

function roomFrame(topic: string, message: RoomMessage): Frame | undefined {
  switch (message.kind) {
    case "json":
      return payloadFrame(null, topic, message.event, JSON.stringify(message.payload));
    case "text":
      return payloadFrame(null, topic, message.event, message.payload);
    case "user":
      return userFrame(topic, message);
  }
}

function userFrame(topic: string, { broadcast, meta }: RoomMessage & { kind: "user" }): Frame | undefined {
  const fields = [topic, broadcast.event, meta ? JSON.stringify(meta) : ""].map(bytesOf);
  if (fields.some(({ length }) => length > MAX_FIELD_BYTES)) return undefined;
  const header = [
    USER_BROADCAST,
    ...fields.map(({ length }) => length),
    broadcast.encoding === "json" ? 1 : 0,
  ];
  return { bytes: Buffer.concat([Uint8Array.from(header), ...fields, broadcast.bytes]), isBinary: true };
}

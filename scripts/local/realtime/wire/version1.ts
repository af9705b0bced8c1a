import {
  isToBeExact,
  parseExactly,
  referenceOf,
  type RoomMessage,
  type Serializer,
  textFrame,
  textOf,
  UnreadableMessage,
} from "./message.ts";

/** Version 1.0.0: JSON objects, and no bytes. */
export const version1: Serializer = {
  version: "1.0.0",
  decode(data) {
    const text = textOf(data);
    const message = JSON.parse(text);
    if (
      typeof message !== "object" || message === null || typeof message.topic !== "string" ||
      typeof message.event !== "string" || !("payload" in message) || !("ref" in message)
    ) throw new UnreadableMessage("missing key in a message of version 1");
    return {
      joinRef: referenceOf(message.join_ref),
      ref: referenceOf(message.ref),
      topic: message.topic,
      event: message.event,
      payload: isToBeExact(message.event, text)
        ? (parseExactly(text) as { payload: unknown }).payload
        : message.payload,
    };
  },
  reply: ({ ref, topic }, status, response) =>
    textFrame(JSON.stringify({ topic, event: "phx_reply", payload: { status, response }, ref })),
  push: (_joinRef, topic, event, payload) => payloadFrame(topic, event, payload),
  end: (joinRef, topic, event) => textFrame(JSON.stringify({ topic, event, payload: {}, ref: joinRef })),
  room: (topic, message) => roomFrame(topic, message),
};

/** Its payload is JSON already. */
function payloadFrame(topic: string, event: string, payload: string) {
  return textFrame(
    `{"topic":${JSON.stringify(topic)},"event":${JSON.stringify(event)},"payload":${payload},"ref":null}`,
  );
}

function roomFrame(topic: string, message: RoomMessage) {
  switch (message.kind) {
    case "json":
      return payloadFrame(topic, message.event, JSON.stringify(message.payload));
    case "text":
      return payloadFrame(topic, message.event, message.payload);
    case "user":
      return message.broadcast.encoding === "json" ? textFrame(userText(topic, message)) : undefined;
  }
}

function userText(topic: string, { broadcast, meta }: RoomMessage & { kind: "user" }): string {
  const fields = [
    `"event":${JSON.stringify(broadcast.event)}`,
    ...(meta ? [`"meta":${JSON.stringify(meta)}`] : []),
    `"payload":${textOf(broadcast.bytes)}`,
    `"type":"broadcast"`,
  ];
  return `{"topic":${JSON.stringify(topic)},"event":"broadcast","payload":{${fields.join(",")}},"ref":null}`;
}

import { onTestFinished } from "vitest";

import { stack } from "../../support/stack.ts";

/** What a client without a library sees: the messages as they come, in version 1 of the protocol. */
export interface RawChannel {
  /** The response of the join. */
  reply: unknown;
  /** Payloads of `postgres_changes`, as text. */
  texts: string[];
  /** The same, parsed. */
  payloads: { ids: number[]; data: Record<string, unknown> }[];
  system: Record<string, unknown>[];
  send(event: string, payload: unknown): void;
}

/** Joins a channel; resolves when the server said whether it hears changes. */
export function joinRaw(
  bindings: Record<string, unknown>[],
  options: { token?: string } = {},
): Promise<RawChannel> {
  const address = new URL("/realtime/v1/websocket", stack.url.replace("http", "ws"));
  address.search = String(new URLSearchParams({ apikey: stack.publishableKey, vsn: "1.0.0" }));
  const socket = new WebSocket(address);
  onTestFinished(() => socket.close());
  const topic = `realtime:${crypto.randomUUID()}`;
  const send = (event: string, payload: unknown, ref = "1") =>
    socket.send(JSON.stringify({ topic, event, payload, ref, join_ref: "1" }));
  const channel: RawChannel = {
    reply: undefined,
    texts: [],
    payloads: [],
    system: [],
    send: (event, payload) => send(event, payload, "2"),
  };
  return new Promise((resolve, reject) => {
    socket.onopen = () =>
      send("phx_join", {
        config: { postgres_changes: bindings },
        access_token: options.token ?? stack.publishableKey,
      });
    socket.onerror = () => reject(new Error("no connection"));
    socket.onmessage = ({ data }) => {
      const { event, payload } = JSON.parse(data);
      if (event === "phx_reply") channel.reply = payload;
      if (event === "postgres_changes") {
        channel.texts.push(data);
        channel.payloads.push(payload);
      }
      if (event === "system") {
        channel.system.push(payload);
        resolve(channel);
      }
    };
  });
}

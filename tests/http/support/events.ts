import { expect } from "vitest";

import { stack } from "../../support/stack.ts";
import { type Answer, type CallOptions, payloadOf } from "./calls.ts";

export interface ServerEvent {
  name: string;
  // deno-lint-ignore no-explicit-any
  data: any;
}

/** An answer that is being read event by event. */
export interface EventAnswer {
  status: number;
  headers: Headers;
  /** The next event; undefined at the end. Fails when the connection breaks. */
  next(): Promise<ServerEvent | undefined>;
  /** All events that are still to come. */
  rest(): Promise<ServerEvent[]>;
  hangUp(): void;
}

/** Calls a feature as a client does that wants events; what was refused is read as `readAnswer` does. */
export async function callForEvents(name: string, options: CallOptions = {}): Promise<EventAnswer> {
  const { base = stack.url, user, body, key } = options;
  const sent = payloadOf(body);
  const headers = {
    Accept: "text/event-stream",
    "Content-Type": sent instanceof FormData ? undefined : "application/json",
    apikey: stack.publishableKey,
    Authorization: user && `Bearer ${user.token}`,
    "Idempotency-Key": key,
    ...options.headers,
  };
  const controller = new AbortController();
  options.signal?.addEventListener("abort", () => controller.abort());
  const response = await fetch(`${base}/functions/v1/${name}`, {
    method: "POST",
    headers: Object.entries(headers).flatMap(([header, value]) =>
      value === undefined ? [] : [[header, value]]
    ),
    body: sent,
    signal: controller.signal,
  });
  const events = readEvents(response);
  const next = async () => (await events.next()).value ?? undefined;
  return {
    status: response.status,
    headers: response.headers,
    next,
    rest: () => Array.fromAsync(events),
    hangUp: () => controller.abort(),
  };
}

/** Reads server-sent events strictly: what is neither an event nor a comment fails. */
async function* readEvents(response: Response): AsyncGenerator<ServerEvent, undefined> {
  if (response.headers.get("Content-Type") !== "text/event-stream") {
    throw new Error(`This is no stream: ${response.status} ${await response.text()}`);
  }
  let text = "";
  for await (
    const chunk of response.body!.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string>)
  ) {
    const blocks = (text + chunk).split("\n\n");
    text = blocks.pop()!;
    for (const block of blocks.filter((one) => one !== ":")) {
      const [, name, data] = /^event: (\w+)\ndata: (.*)$/.exec(block) ?? [];
      if (name === undefined) throw new Error(`This is no event: ${block}`);
      yield { name, data: JSON.parse(data!) };
    }
  }
  if (text !== "") throw new Error(`The stream ends within an event: ${text}`);
}

/** A whole answer's last two events; those before them are drafts. Gives what the JSON answer would be. */
export function expectWhole(events: ServerEvent[]): Pick<Answer, "body"> {
  expect(events.at(-1)).toMatchObject({ name: "usage" });
  expect(events.length).toBeGreaterThan(1);
  for (const { name } of events.slice(0, -1)) expect(name).toBe("data");
  return { body: { data: events.at(-2)!.data, usage: events.at(-1)!.data } };
}

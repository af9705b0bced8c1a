import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { type DemoModel, startDemoModel } from "../../scripts/local/demo_model.ts";

// deno-lint-ignore no-explicit-any
type Event = { type: string; [field: string]: any };

let demo: DemoModel;

beforeAll(() => {
  demo = startDemoModel({ port: 0 });
});
afterAll(() => demo.stop());

/** Talks to a demo model: sends the events, and gives back all that came until one of the type. */
async function talk(model: string, events: object[], until: string): Promise<Event[]> {
  const address = `${demo.url.replace("http", "ws")}/v1/realtime?model=${model}`;
  const socket = new WebSocket(address, ["realtime", "openai-insecure-api-key.any"]);
  const received: Event[] = [];
  await new Promise<void>((resolve) => {
    socket.onerror = () => {};
    socket.onclose = () => resolve();
    socket.onopen = () => {
      for (const event of events) socket.send(typeof event === "string" ? event : JSON.stringify(event));
    };
    socket.onmessage = ({ data }) => {
      received.push(JSON.parse(data));
      if (received.at(-1)!.type === until) socket.close();
    };
  });
  return received;
}

const TEXT = {
  type: "conversation.item.create",
  item: { type: "message", role: "user", content: [{ type: "input_text", text: "12345678" }] },
};

describe("a conversation with the demo model", () => {
  it("goes through the events of the GA API, and reports what it used", async () => {
    const update = { type: "session.update", session: { type: "realtime", instructions: "x".repeat(40) } };
    const events = await talk("demo-realtime", [update, TEXT, { type: "response.create" }], "response.done");
    const types = events.map(({ type }) => type);
    expect(types.slice(0, 5)).toEqual([
      "session.created",
      "session.updated",
      "conversation.item.added",
      "conversation.item.done",
      "response.created",
    ]);
    expect(types).toContain("response.output_audio.delta");
    expect(types).toContain("response.output_audio_transcript.delta");
    const { usage, status } = events.at(-1)!.response;
    expect(status).toBe("completed");
    expect(usage.input_token_details).toMatchObject({ text_tokens: 10 + 2, audio_tokens: 0 });
    expect(usage.output_token_details.audio_tokens).toBeGreaterThan(0);
    expect(usage.total_tokens).toBe(usage.input_tokens + usage.output_tokens);
  });

  it("answers as its name says: other usage, none, a failure, a broken connection", async () => {
    const events = [TEXT, { type: "response.create" }];
    const last = async (model: string) => (await talk(model, events, "response.done")).at(-1)!;
    expect((await last("demo-realtime-usage-11-5")).response.usage).toMatchObject({
      input_tokens: 11,
      output_tokens: 5,
      input_token_details: { text_tokens: 6, audio_tokens: 5 },
    });
    expect((await last("demo-realtime-no-usage")).response.usage).toBeNull();
    expect((await last("demo-realtime-refuse")).response.status).toBe("failed");
    expect((await last("demo-realtime-cut")).type).toBe("response.output_audio.delta");
  });

  it("refuses what it cannot do with an error that names the event", async () => {
    const events = [{ type: "input_audio_buffer.commit", event_id: "mine" }];
    const received = await talk("demo-realtime", events, "error");
    expect(received.at(-1)!.error).toMatchObject({
      code: "input_audio_buffer_commit_empty",
      event_id: "mine",
    });
  });

  it("wants a key, a model that there is, and a WebSocket", async () => {
    const get = async (path: string, headers: Record<string, string> = {}) => {
      const response = await fetch(`${demo.url}/v1/realtime${path}`, { headers });
      await response.body?.cancel();
      return response.status;
    };
    const authorization = "Bearer any";
    expect(await get("?model=demo-realtime")).toBe(401);
    expect(await get("?model=gpt-realtime", { authorization })).toBe(404);
    expect(await get("?model=demo-realtime-fail-503", { authorization })).toBe(503);
    expect(await get("?model=demo-realtime", { authorization })).toBe(400);
  });
});

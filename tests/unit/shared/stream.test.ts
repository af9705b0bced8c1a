import { describe, expect, it } from "vitest";

import {
  type EventStream,
  openEvents,
  wantsEvents,
} from "../../../supabase/functions/_shared/http/event_stream.ts";

function openStream(options: Partial<Parameters<typeof openEvents>[0]> = {}): EventStream {
  return openEvents({ onHangUp: () => {}, heartbeatMs: 60_000, draftEveryMs: 0, ...options });
}

function draft(events: EventStream, value: unknown): void {
  events.draft(() => Promise.resolve(JSON.stringify(value)));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function textOf({ body }: EventStream): Promise<string> {
  return await new Response(body).text();
}

describe("events", () => {
  it("have a name and one line of data each", async () => {
    const events = openStream();
    draft(events, { text: "two\nlines" });
    await events.started;
    events.end([["data", "{}"], ["usage", "1"]]);
    expect(await textOf(events)).toBe(
      'event: data\ndata: {"text":"two\\nlines"}\n\nevent: data\ndata: {}\n\nevent: usage\ndata: 1\n\n',
    );
  });

  it("of drafts that nobody takes are replaced by the last, so that they need no memory", async () => {
    const events = openStream();
    for (let number = 1; number <= 1_000; number++) {
      draft(events, number);
      if (number % 100 === 0) await pause(2);
    }
    const reader = events.body.getReader();
    const read = async () => new TextDecoder().decode((await reader.read()).value);
    expect(await read()).toMatch(/^event: data\ndata: \d+\n\n$/);
    expect(await read()).toBe("event: data\ndata: 1000\n\n");
    events.end([["usage", "1"]]);
    expect(await read()).toBe("event: usage\ndata: 1\n\n");
    expect((await reader.read()).done).toBe(true);
  });

  it("of drafts come no more often than told, the same one once, and none that has nothing to show", async () => {
    const events = openStream({ draftEveryMs: 50 });
    const text = textOf(events);
    const end = performance.now() + 220;
    for (let number = 0; performance.now() < end; number++) {
      draft(events, number % 2 ? "same" : undefined);
      draft(events, number > 1_000_000 ? undefined : number);
      await pause(1);
    }
    events.end([]);
    const count = (await text).split("\n\n").length - 1;
    expect(count).toBeGreaterThanOrEqual(2);
    expect(count).toBeLessThanOrEqual(6);

    const steady = openStream();
    const steadyText = textOf(steady);
    for (let number = 0; number < 20; number++) {
      draft(steady, number % 3 ? "same" : undefined);
      await pause(2);
    }
    steady.end([]);
    expect(await steadyText).toBe('event: data\ndata: "same"\n\n');
  });

  it("leave out a draft that cannot be read", async () => {
    const events = openStream();
    events.draft(() => Promise.reject(new Error("half of it")));
    await pause(5);
    expect(events.hasStarted()).toBe(false);
    draft(events, 1);
    await events.started;
    events.end([]);
    expect(await textOf(events)).toBe("event: data\ndata: 1\n\n");
  });

  it("have comments between them where nothing is to be said, which also begin the answer", async () => {
    const events = openStream({ openAfterMs: 5, heartbeatMs: 10 });
    await pause(30);
    expect(events.hasStarted()).toBe(false);
    events.open();
    await events.started;
    const text = textOf(events);
    await pause(50);
    events.end([["usage", "1"]]);
    expect(await text).toMatch(/^(:\n\n){2,8}event: usage\ndata: 1\n\n$/);
  });

  it("end when the client hangs up, of which the work is told once", async () => {
    let hangUps = 0;
    const events = openStream({ onHangUp: () => hangUps++, openAfterMs: 1, heartbeatMs: 5 });
    events.open();
    await events.started;
    await events.body.cancel();
    draft(events, 1);
    await pause(20);
    events.end([["usage", "1"]]);
    expect(hangUps).toBe(1);
  });
});

describe("a client wants events", () => {
  it.each([
    ["text/event-stream", true],
    ["application/json, Text/Event-Stream;q=0.9", true],
    ["text/event-stream ; q=1, */*", true],
    ["*/*", false],
    ["text/*", false],
    ["x-text/event-stream", false],
    ["text/event-stream+x", false],
    ["", false],
  ])("with Accept: %s: %s", (accept, expected) => {
    expect(wantsEvents(new Request("http://localhost/", { headers: { Accept: accept } }))).toBe(expected);
  });
});

import { afterAll } from "vitest";

import { eventually } from "./calls.ts";

/** One request to a chat model, whose answer a test writes piece by piece. */
export interface StreamedCall {
  // deno-lint-ignore no-explicit-any
  request: any;
  /** Sends a piece of the answer. */
  write(piece: string): void;
  /** Says why the answer ended and what it cost, and ends. */
  end(usage?: { prompt_tokens: number; completion_tokens: number } | null): void;
  /** Breaks the connection. */
  cut(): void;
  /** Ends without a reason, as a proxy does that lost its server. */
  close(): void;
  /** Sends an error in place of a piece, as providers do, and ends. */
  fail(): void;
  /** The asking side has given up. */
  isGone(): boolean;
}

/** An AI provider that streams what a test writes, in OpenAI's protocol. */
export interface StreamingProvider {
  /** For AI_BASE_URL. */
  baseUrl: string;
  /** The request in which this text occurs, taken once. */
  take(text: string): Promise<StreamedCall>;
  /** How many requests with this text came by. */
  count(text: string): number;
}

/** Starts one; it ends after the test file. */
export function openStreamingProvider(): StreamingProvider {
  const waiting: { text: string; call: StreamedCall }[] = [];
  const seen: string[] = [];

  const end = new AbortController();
  const server = Deno.serve({
    port: 0,
    hostname: "127.0.0.1",
    signal: end.signal,
    onListen: () => {},
    onError: () => new Response(null, { status: 500 }), // a connection that was cut on purpose
  }, async (request) => {
    const text = await request.text();
    const { stream, response } = answerWith(JSON.parse(text), request.signal);
    seen.push(text);
    waiting.push({ text, call: stream });
    return response;
  });
  afterAll(() => end.abort());

  return {
    baseUrl: `http://127.0.0.1:${server.addr.port}/v1`,
    take: (text) =>
      eventually(`a request with ${text}`, () => {
        const index = waiting.findIndex((one) => one.text.includes(text));
        return index >= 0 && waiting.splice(index, 1)[0]!.call;
      }),
    count: (text) => seen.filter((one) => one.includes(text)).length,
  };
}

function answerWith(
  request: { model: string },
  signal: AbortSignal,
): { stream: StreamedCall; response: Response } {
  const encoder = new TextEncoder();
  let controller: ReadableStreamDefaultController<Uint8Array>;
  let isGone = false;
  const body = new ReadableStream<Uint8Array>({
    start: (opened) => void (controller = opened),
    cancel: () => void (isGone = true),
  });
  const send = (event: unknown) => controller.enqueue(encoder.encode(`data: ${JSON.stringify(event)}\n\n`));
  const chunk = (rest: object) => ({
    id: "chatcmpl-streamed",
    object: "chat.completion.chunk",
    created: 1_767_225_600,
    model: request.model,
    ...rest,
  });
  const choice = (delta: object, finish_reason: string | null = null) =>
    chunk({ choices: [{ index: 0, delta, finish_reason }] });
  send(choice({ role: "assistant", content: "" }));
  return {
    response: new Response(body, { headers: { "Content-Type": "text/event-stream" } }),
    stream: {
      request,
      write: (piece) => send(choice({ content: piece })),
      end(usage = { prompt_tokens: 1_000, completion_tokens: 1_000 }) {
        send(choice({}, "stop"));
        if (usage) send(chunk({ choices: [], usage: { ...usage, total_tokens: 0 } }));
        controller.enqueue(encoder.encode("data: [DONE]\n\n"));
        controller.close();
      },
      cut: () => controller.error(new DOMException("cut by a test", "AbortError")),
      close: () => controller.close(),
      fail() {
        send({ error: { message: "The server is overloaded", type: "server_error", code: null } });
        controller.close();
      },
      // A body that was never read is not cancelled.
      isGone: () => isGone || signal.aborted,
    },
  };
}

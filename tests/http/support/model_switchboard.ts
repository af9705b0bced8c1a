import { afterAll } from "vitest";

import { demoModelUrl } from "./functions.ts";

/**
 * Stands between one functions process and the demo model server, and chooses per request which of its models
 * answers: a test needs no process of its own for a failure, and can keep a call waiting instead of sleeping.
 */
export interface Switchboard {
  /** For AI_BASE_URL. */
  baseUrl: string;
  /** Connects the requests in which this text occurs to another demo model; undefined to the usual one again. */
  connect(text: string, model: string | undefined): void;
  /** Keeps the next call in which this text occurs waiting, before the model sees it. */
  pause(text: string): PausedCall;
  /** How often a request with this text came by. */
  calls(text: string): number;
}

export interface PausedCall {
  arrived: Promise<void>;
  release(): void;
}

interface Pause {
  text: string;
  arrive(): void;
  released: Promise<void>;
}

/** Starts one; it ends after the test file. */
export function openSwitchboard(): Switchboard {
  const models = new Map<string, string>();
  const pauses: Pause[] = [];
  const seen: string[] = [];
  const end = new AbortController();

  async function answer(request: Request): Promise<Response> {
    const text = await request.text();
    seen.push(text);
    const pauseIndex = pauses.findIndex((pause) => text.includes(pause.text));
    if (pauseIndex >= 0) {
      const [pause] = pauses.splice(pauseIndex, 1);
      pause!.arrive();
      await pause!.released;
    }
    const body = JSON.parse(text);
    const chosen = [...models].find(([marker]) => text.includes(marker))?.[1];
    const headers = new Headers(request.headers);
    for (const name of ["host", "content-length", "accept-encoding"]) headers.delete(name);
    return await fetch(demoModelUrl + new URL(request.url).pathname, {
      method: request.method,
      headers,
      body: JSON.stringify({ ...body, model: chosen ?? body.model }),
      signal: end.signal,
    });
  }

  const server = Deno.serve({
    port: 0,
    hostname: "127.0.0.1",
    signal: end.signal,
    onListen: () => {},
    onError: () => new Response(null, { status: 502 }), // a connection that was cut on purpose
  }, answer);
  afterAll(() => end.abort());

  return {
    baseUrl: `http://127.0.0.1:${server.addr.port}/v1`,
    connect: (text, model) => model === undefined ? models.delete(text) : models.set(text, model),
    pause(text) {
      const arrival = Promise.withResolvers<void>();
      const release = Promise.withResolvers<void>();
      pauses.push({ text, arrive: arrival.resolve, released: release.promise });
      return { arrived: arrival.promise, release: release.resolve };
    },
    calls: (text) => seen.filter((one) => one.includes(text)).length,
  };
}

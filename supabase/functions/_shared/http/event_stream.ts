/**
 * Proxies close a connection on which nothing is sent for this long, and hosted functions end after 150 s without a
 * byte.
 */
const HEARTBEAT_MS = 15_000;
/**
 * A client that left is noticed only once the response has begun. A failure before this time still has its own
 * status.
 */
const OPEN_AFTER_MS = 1_000;
/** No reader sees a draft change more often; each draft is sent whole. */
const DRAFT_EVERY_MS = 100;

/** Whether a client asks for events. */
export function wantsEvents({ headers }: Request): boolean {
  return /(?:^|,)\s*text\/event-stream\s*(?:[;,]|$)/i.test(headers.get("Accept") ?? "");
}

/** A response as server-sent events. https://html.spec.whatwg.org/multipage/server-sent-events.html */
export interface EventStream {
  body: ReadableStream<Uint8Array>;
  /** Resolves when there is something to send; from then on the response is a stream, whatever happens. */
  started: Promise<void>;
  hasStarted(): boolean;
  /** Starts to send comments while there is no event, the first one soon. */
  open(): void;
  /**
   * Sends the draft that `read` returns as `data`, soon. Only the latest is sent: a slow client gets fewer drafts,
   * not later ones.
   */
  draft(read: () => Promise<string | undefined>): void;
  /** Stops sending drafts. Returns whether one was sent. */
  stopDrafts(): boolean;
  /** Sends the last events, each with a name and JSON, and ends the stream. */
  end(events: [name: string, json: string][]): void;
  /** Ends the stream when nothing was sent and nobody will read it. */
  discard(): void;
}

export function openEvents(
  { onHangUp, openAfterMs = OPEN_AFTER_MS, heartbeatMs = HEARTBEAT_MS, draftEveryMs = DRAFT_EVERY_MS }: {
    onHangUp: () => void;
    openAfterMs?: number;
    heartbeatMs?: number;
    draftEveryMs?: number;
  },
): EventStream {
  const encoder = new TextEncoder();
  const start = Promise.withResolvers<void>();
  let hasStarted = false;
  let isOver = false;
  let isDraftingOver = false;
  let controller: ReadableStreamDefaultController<Uint8Array>;
  let waiting: (() => Promise<string | undefined>) | undefined;
  let sending: ReturnType<typeof setTimeout> | undefined;
  let lastDraft: string | undefined;
  let nextDraftAtMs = 0;

  let heartbeat: ReturnType<typeof setTimeout> | undefined;

  const body = new ReadableStream<Uint8Array>({
    start: (opened) => void (controller = opened),
    pull: sendDraftSoon,
    cancel() {
      close();
      onHangUp();
    },
  });

  function hasRoom(): boolean {
    return (controller.desiredSize ?? 0) > 0;
  }

  function send(text: string): void {
    controller.enqueue(encoder.encode(text));
    hasStarted = true;
    start.resolve();
  }

  function beatAfter(ms: number): void {
    heartbeat = setTimeout(() => {
      if (hasRoom()) send(":\n\n");
      beatAfter(heartbeatMs);
    }, ms);
  }

  function sendDraftSoon(): void {
    if (isDraftingOver || waiting === undefined || sending !== undefined || !hasRoom()) return;
    sending = setTimeout(sendDraft, Math.max(0, nextDraftAtMs - performance.now()));
  }

  async function sendDraft(): Promise<void> {
    const read = waiting!;
    waiting = undefined;
    const json = await read().catch(() => undefined);
    sending = undefined;
    if (isDraftingOver) return;
    nextDraftAtMs = performance.now() + draftEveryMs;
    if (json !== undefined && json !== lastDraft) send(asEvent("data", lastDraft = json));
    sendDraftSoon();
  }

  function stopDrafts(): boolean {
    isDraftingOver = true;
    waiting = undefined;
    clearTimeout(sending);
    return lastDraft !== undefined;
  }

  function close(): void {
    isOver = true;
    stopDrafts();
    clearTimeout(heartbeat);
  }

  return {
    body,
    started: start.promise,
    hasStarted: () => hasStarted,
    open() {
      if (!isOver) beatAfter(openAfterMs);
    },
    draft(read) {
      if (isDraftingOver) return;
      waiting = read;
      sendDraftSoon();
    },
    end(events) {
      start.resolve();
      if (isOver) return;
      close();
      send(events.map(([name, json]) => asEvent(name, json)).join(""));
      controller.close();
    },
    stopDrafts,
    discard: close,
  };
}

/** JSON has no line ends, so it is one line of data. */
function asEvent(name: string, json: string): string {
  return `event: ${name}\ndata: ${json}\n\n`;
}

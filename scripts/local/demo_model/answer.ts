/** An answer that is complete before its first byte is sent; several chunks are the events of a stream. */
export interface Answer {
  status: number;
  contentType: string;
  chunks: (string | Uint8Array)[];
  headers?: Record<string, string>;
}

const TYPE_BY_STATUS: Record<number, string> = {
  401: "authentication_error",
  403: "permission_error",
  429: "rate_limit_error",
};

const CODE_BY_STATUS: Record<number, string> = {
  401: "invalid_api_key",
  404: "not_found",
  405: "method_not_allowed",
  429: "rate_limit_exceeded",
};

/** A refusal in OpenAI's error format. */
export class OpenAiError extends Error {
  readonly status: number;
  readonly code: string | null;
  readonly headers: Record<string, string>;

  constructor(
    status: number,
    message: string,
    code?: string,
    headers: Record<string, string> = {},
    /** The refused field of the request. */
    readonly param?: string,
  ) {
    super(message);
    this.name = "OpenAiError";
    this.status = status;
    this.code = code ?? CODE_BY_STATUS[status] ?? null;
    this.headers = headers;
  }
}

/** Renders `{ error: { message, type, param, code } }`, which every OpenAI client understands. */
export function errorAnswer(error: OpenAiError): Answer {
  const type = TYPE_BY_STATUS[error.status] ??
    (error.status >= 500 ? "server_error" : "invalid_request_error");
  const body = { error: { message: error.message, type, param: error.param ?? null, code: error.code } };
  return { ...jsonAnswer(body, error.status), headers: error.headers };
}

export function jsonAnswer(body: unknown, status = 200): Answer {
  return { status, contentType: "application/json", chunks: [JSON.stringify(body)] };
}

/** Server-sent events, with the `[DONE]` at the end of OpenAI's streams; a string is sent unchanged. */
export function streamAnswer(events: unknown[], { isWithoutDone = false } = {}): Answer {
  const chunks = events.map((event) =>
    typeof event === "string" ? event : `data: ${JSON.stringify(event)}\n\n`
  );
  if (!isWithoutDone) chunks.push("data: [DONE]\n\n");
  return { status: 200, contentType: "text/event-stream", chunks };
}

/** The response of a broken proxy: status 200 and a body that is not JSON. */
export function garbageAnswer(): Answer {
  return { status: 200, contentType: "text/html", chunks: ["<html><body>demo garbage</body></html>"] };
}

/** Turns an answer into a response; with `cutAfterBytes` the connection breaks after this many bytes. */
export function toResponse(answer: Answer, cutAfterBytes?: number | "middle"): Response {
  const headers = { "content-type": answer.contentType, ...answer.headers };
  const chunks = answer.chunks.map((chunk) =>
    typeof chunk === "string" ? new TextEncoder().encode(chunk) : new Uint8Array(chunk)
  );
  if (cutAfterBytes === undefined && chunks.length === 1) {
    return new Response(chunks[0], { status: answer.status, headers });
  }
  const lengthBytes = chunks.reduce((total, chunk) => total + chunk.length, 0);
  const limitBytes = cutAfterBytes === "middle" ? Math.floor(lengthBytes / 2) : cutAfterBytes ?? Infinity;
  return new Response(streamOf(chunks, limitBytes), { status: answer.status, headers });
}

/** Sends the chunks one by one, and breaks the connection if the limit falls inside them. */
function streamOf(chunks: Uint8Array[], limitBytes: number): ReadableStream<Uint8Array> {
  let index = 0;
  let leftBytes = limitBytes;
  return new ReadableStream({
    async pull(controller) {
      const chunk = chunks[index++];
      if (chunk === undefined) return controller.close();
      if (leftBytes > 0) controller.enqueue(chunk.subarray(0, leftBytes));
      leftBytes -= chunk.length;
      if (leftBytes >= 0) return;
      await new Promise((resolve) => setTimeout(resolve, 1)); // lets the sent bytes reach the client first
      controller.error(new DOMException("cut by the demo model's switch", "AbortError"));
    },
  });
}

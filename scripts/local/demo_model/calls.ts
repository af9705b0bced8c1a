const MAX_KEPT = 1_000;

/** One request that reached a model, in the form of `GET /demo/calls`. */
export interface Call {
  at: string;
  path: string;
  model: string;
  /** A hash of the body without the model's name: equal for the same question to any model. */
  fingerprint: string;
  /** The caller's request id, from the first existing header in `REQUEST_ID_HEADERS`. */
  request_id: string | null;
}

const REQUEST_ID_HEADERS = ["x-client-request-id", "x-request-id", "idempotency-key"];

export function requestIdOf(headers: Headers): string | null {
  return REQUEST_ID_HEADERS.map((name) => headers.get(name)).find((value) => value !== null) ?? null;
}

/** Keeps the last calls, so that a test can prove how often a model ran. */
export class CallLog {
  readonly calls: Call[] = [];

  add(call: Call): void {
    this.calls.push(call);
    if (this.calls.length > MAX_KEPT) this.calls.shift();
  }

  /** The calls that match every given field; unknown field names are ignored. */
  find(fields: URLSearchParams): Call[] {
    return this.calls.filter((call) =>
      [...fields].every(([name, value]) => !(name in call) || call[name as keyof Call] === value)
    );
  }
}

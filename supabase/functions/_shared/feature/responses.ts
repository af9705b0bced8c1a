import { type EndpointContext, failureResponse } from "../http/endpoint.ts";
import { idempotencyKey } from "../http/identifiers.ts";
import { limitHeaders, statesOf } from "../http/limit_headers.ts";
import { openEvents } from "../http/event_stream.ts";
import type { HoldOutcome } from "../ledger/calls.ts";
import { HungUp, type Viewer } from "./viewer.ts";

/** A response's JSON, charged and stored. */
export interface FeatureResponse {
  json: string;
  isReplay: boolean;
  limits: HoldOutcome["limits"];
}

/** The response as one body. */
export function asJson({ json, ...about }: FeatureResponse): Response {
  return new Response(json, { headers: { "Content-Type": "application/json", ...headersOf(about) } });
}

/**
 * The response as events: drafts as `data`, then the whole as `data` and its `usage`. A failure before the first
 * event is an ordinary response with a status, a later one an `error` event.
 */
export async function asEvents<Input>(
  context: EndpointContext<Input>,
  run: (viewer: Viewer) => Promise<FeatureResponse>,
): Promise<Response> {
  const { request, log } = context;
  const stop = new AbortController();
  // With a key the client can come back for the response, so the run goes on.
  const mayReturn = idempotencyKey(request.headers) !== null;
  const onHangUp = () => mayReturn || stop.abort(new HungUp("The client hung up"));
  const events = openEvents({ onHangUp });
  let limits: HoldOutcome["limits"];
  const viewer = {
    signal: stop.signal,
    draft: events.draft,
    stopDrafts: events.stopDrafts,
    open(known: HoldOutcome["limits"]) {
      limits = known;
      events.open();
    },
  };
  const work = run(viewer).then((given) => {
    const { json } = given;
    limits = given.limits;
    const { data, usage } = JSON.parse(json);
    events.end([["data", JSON.stringify(data)], ["usage", JSON.stringify(usage)]]);
  }, async (error) => {
    if (stop.signal.aborted && error === stop.signal.reason) {
      log.cause = error.message;
      events.end([]);
    } else if (events.hasStarted()) {
      const failure = failureResponse(error, context);
      log.status = failure.status;
      events.end([["error", await failure.text()]]);
    } else {
      events.discard();
      throw error;
    }
  });
  context.until(work);
  await Promise.race([events.started, work]);
  return new Response(events.body, {
    headers: {
      "Content-Type": "text/event-stream",
      "X-Accel-Buffering": "no", // else nginx buffers the events
      ...headersOf({ isReplay: log.replayed === true, limits }),
    },
  });
}

function headersOf({ isReplay, limits }: Omit<FeatureResponse, "json">): Record<string, string> {
  return { ...isReplay && { "Idempotent-Replayed": "true" }, ...limitHeaders(statesOf(limits)) };
}

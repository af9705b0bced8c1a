import type { z } from "zod";

import { asEvents, asJson } from "./responses.ts";
import { inBackground } from "../platform/background.ts";
import { defineEndpoint, type Endpoint } from "../http/endpoint.ts";
import { runFeature } from "./run.ts";
import type { FeatureSpec } from "./spec.ts";
import type { Viewer } from "./viewer.ts";
import { idempotencyKey } from "../http/identifiers.ts";
import { checkPrice } from "../ledger/price.ts";
import { wantsEvents } from "../http/event_stream.ts";

export type { FeatureSpec, FeatureTools } from "./spec.ts";

export type Feature<Input extends z.ZodType, Output extends z.ZodType> =
  & FeatureSpec<Input, Output>
  & Pick<Endpoint<Input>, "auth" | "method" | "callLimit" | "takesWallet" | "fetch">;

/**
 * A metered AI feature. Each request is charged exactly once, for what it used: an upper bound is held before `run`,
 * the cost is settled together with the response, and the hold is released when anything fails. A retry with the same
 * `Idempotency-Key` gets the stored response. https://github.com/ietf-wg-httpapi/idempotency
 *
 * `Accept: text/event-stream` gets the same as events: docs/streaming.md.
 */
export function defineFeature<Input extends z.ZodType, Output extends z.ZodType>(
  spec: FeatureSpec<Input, Output>,
): Feature<Input, Output> {
  checkPrice(spec.name, spec.price);
  const { auth, method, callLimit, takesWallet, fetch } = defineEndpoint({
    name: spec.name,
    auth: "user",
    method: "POST",
    input: spec.input,
    maxBodyBytes: spec.maxBodyBytes,
    maxUploadBytes: spec.maxUploadBytes,
    callLimit: { instead: "the plan's limits, taken with the hold" },
    takesWallet: true,
    handle(context) {
      const { request, requestId, caller, walletId, input, log } = context;
      const isRepeatable = idempotencyKey(request.headers) !== null;
      const run = (viewer?: Viewer) =>
        finishInAnyCase(runFeature(
          spec,
          { requestId, userId: caller.userId, walletId, accessToken: caller.token, input, isRepeatable, log },
          viewer,
        ));
      return wantsEvents(request) ? asEvents(context, run) : run().then(asJson);
    },
  });
  return { ...spec, auth, method, callLimit, takesWallet, fetch };
}

/** A client that disconnects must not stop the settlement: asks the platform to let the work finish. */
function finishInAnyCase<Result>(work: Promise<Result>): Promise<Result> {
  inBackground(work.catch(() => {}));
  return work;
}

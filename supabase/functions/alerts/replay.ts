import { z } from "zod";

import { EndpointId } from "./schemas.ts";
import { defineEndpoint } from "../_shared/endpoint.ts";
import { callDatabase } from "../_shared/database/rpc.ts";

/**
 * Makes dead letters due again: all, or those of one endpoint. With alert ids it sends those alerts again, delivered
 * or not, to every subscribed endpoint, or only to the given one.
 */
export const replay = defineEndpoint({
  name: "alerts/replay",
  auth: "secret",
  method: "POST",
  input: z.object({
    endpoint_id: EndpointId.optional(),
    alert_ids: z.array(z.int().min(1)).min(1).max(1_000).optional(),
    limit: z.int().min(1).max(10_000).default(1_000).describe("The most deliveries, the oldest first"),
  }),
  output: z.object({ replayed: z.int().describe("Deliveries that are due now") }),
  async handle({ input }) {
    const outcome = await callDatabase("replay_alerts", {
      p_endpoint_id: input.endpoint_id ?? null,
      p_alert_ids: input.alert_ids ?? null,
      p_limit: input.limit,
    });
    return Response.json({ replayed: (outcome as { replayed: number }).replayed });
  },
});

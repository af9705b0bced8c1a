import { z } from "zod";

import { readEndpoints } from "./endpoints.ts";
import { EndpointId, Time } from "./schemas.ts";
import { defineEndpoint } from "../_shared/endpoint.ts";
import { callDatabase } from "../_shared/database/rpc.ts";

const Delivery = z.object({
  alert_id: z.int(),
  endpoint_id: z.string(),
  host: z.string(),
  webhook_id: z.string().describe("The alert's id for receivers"),
  alert_type: z.string(),
  data: z.record(z.string(), z.unknown()),
  created_at: Time,
  status: z.enum(["pending", "delivered", "dead", "cancelled"]),
  attempts: z.int(),
  last_attempt_at: Time.nullable(),
  next_attempt_at: Time.nullable().describe("Null if no further attempt is planned"),
  last_http_status: z.int().nullable(),
  last_error: z.string().nullable(),
  delivered_at: Time.nullable(),
});

/** Lists the queue, the endpoints, and the deliveries of one status, newest first; default: dead letters. */
export const list = defineEndpoint({
  name: "alerts/list",
  auth: "secret",
  method: "GET",
  isAlsoPost: true,
  input: z.object({
    status: z.enum(["pending", "delivered", "dead", "cancelled"]).default("dead"),
    endpoint_id: EndpointId.optional(),
    before_alert_id: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER).optional().describe(
      "For the next page: the last alert_id of this one",
    ),
    limit: z.coerce.number().int().min(1).max(1_000).default(100),
  }),
  output: z.object({
    queue: z.object({
      not_fanned_out: z.int().describe("Alerts that are not yet queued for their endpoints"),
      pending: z.int(),
      dead: z.int(),
      oldest_pending_s: z.int().describe("The age of the oldest pending delivery"),
    }),
    endpoints: z.array(z.object({
      endpoint_id: z.string(),
      host: z.string(),
      alert_types: z.array(z.string()),
      description: z.string(),
      created_at: Time,
      pending: z.int(),
      dead: z.int(),
    })),
    gone_endpoints: z.array(z.object({
      endpoint_id: z.string(),
      host: z.string(),
      alert_types: z.array(z.string()),
      description: z.string(),
      ended_at: Time,
    })).describe("Endpoints that answered 410 Gone in the last 90 days, and get no more alerts"),
    deliveries: z.array(Delivery),
  }),
  async handle({ input }) {
    const [queue, endpoints, gone, deliveries] = await Promise.all([
      callDatabase("alert_queue", {}),
      readEndpoints(),
      callDatabase("list_gone_alert_endpoints", {}),
      callDatabase("list_alert_deliveries", {
        p_status: input.status,
        p_endpoint_id: input.endpoint_id ?? null,
        p_before_alert_id: input.before_alert_id ?? null,
        p_limit: input.limit,
      }),
    ]);
    const shown = endpoints.map(({ sealed: _, ...endpoint }) => endpoint);
    return Response.json({ queue, endpoints: shown, gone_endpoints: gone, deliveries });
  },
});

import { z } from "zod";

import { deliverDue } from "./due.ts";
import { noEndpoint } from "./endpoints.ts";
import { EndpointId } from "./schemas.ts";
import { defineEndpoint } from "../_shared/endpoint.ts";
import { callDatabase } from "../_shared/database/rpc.ts";

/** Extra time for alerts that already wait for the endpoint. */
const TEST_BUDGET_MS = 30_000;

/** Sends an alert of type `test` to one endpoint, and returns at once whether it was accepted. */
export const test = defineEndpoint({
  name: "alerts/test",
  auth: "secret",
  method: "POST",
  codes: ["not_found"],
  input: z.object({ endpoint_id: EndpointId }),
  output: z.object({
    webhook_id: z.string(),
    delivered: z.boolean().describe("False: it is tried again, like any alert"),
    error: z.string().nullable().describe("Why it was not delivered, in words"),
  }),
  async handle({ input }) {
    const emitted = await callDatabase("emit_test_alert", { p_endpoint_id: input.endpoint_id }) as {
      success: boolean;
      alert_id: number;
      webhook_id: string;
    };
    if (!emitted.success) throw noEndpoint();
    const { lastError } = await deliverDue({ budgetMs: TEST_BUDGET_MS, endpointId: input.endpoint_id });
    const taken = await callDatabase("list_alert_deliveries", {
      p_status: "delivered",
      p_endpoint_id: input.endpoint_id,
      p_before_alert_id: emitted.alert_id + 1,
      p_limit: 1,
    }) as { alert_id: number }[];
    const delivered = taken[0]?.alert_id === emitted.alert_id;
    const error = delivered ? null : lastError ?? "Another worker is delivering it";
    return Response.json({ webhook_id: emitted.webhook_id, delivered, error });
  },
});

import { z } from "zod";

import { deliverDue } from "./due.ts";
import { defineEndpoint } from "../_shared/endpoint.ts";

/**
 * Sends due alerts, to each endpoint in order within an ordering key, until none is due or the time is over. The
 * schedule calls it every minute; two at once do no harm.
 */
export const deliver = defineEndpoint({
  name: "alerts/deliver",
  auth: "secret",
  method: "POST",
  input: z.object({
    budget_ms: z.coerce.number().int().min(1_000).max(120_000).default(40_000).describe(
      "No new delivery starts after this time",
    ),
  }),
  output: z.object({
    delivered: z.int(),
    failed: z.int().describe("Failed, and will be tried again"),
    dead: z.int().describe("Dead letters: given up"),
    lost: z.int().describe("Taken over by another worker, as they took too long"),
  }),
  async handle({ input }) {
    const { lastError: _, ...counts } = await deliverDue({ budgetMs: input.budget_ms });
    return Response.json(counts);
  },
});

import { z } from "zod";

/** What functions answer that declare no output: those without a price. A test holds these against the real answers. */
export const PLAIN_ANSWERS: Record<string, z.ZodType> = {
  balance: z.object({
    balance: z.int().min(0).describe("Tokens that the user owns"),
    held: z.int().min(0).describe("What running requests hold of it"),
    available: z.int().min(0).describe("The balance without what is held"),
    entries: z.array(z.object({
      entry_number: z.int(),
      delta: z.int().describe("Below 0 for a charge"),
      balance_after: z.int(),
      operation_type: z.string().describe("The feature, or why tokens were granted"),
      request_id: z.string().nullable(),
      metadata: z.record(z.string(), z.unknown()),
      created_at: z.string().describe("When, as Postgres writes a time with its zone"),
    })).describe("The ledger's newest entries, newest first"),
  }),
};

import { z } from "zod";

import { removeFiles } from "../_community/pictures.ts";
import { callDatabase } from "../_shared/database/rpc.ts";
import { defineEndpoint } from "../_shared/endpoint.ts";

/**
 * Removes the files of messages that were deleted, and of users who were forgotten. The schedule calls it every minute;
 * the next call removes the rest.
 */
export const removeAttachments = defineEndpoint({
  name: "messages/remove-attachments",
  auth: "secret",
  method: "POST",
  input: z.object({
    budget_ms: z.coerce.number().int().min(1_000).max(40_000).default(30_000).describe(
      "No new batch of a thousand files starts after this time",
    ),
  }),
  output: z.object({ files: z.int().describe("How many files were removed") }),
  async handle({ input }) {
    const endsAtMs = performance.now() + input.budget_ms;
    let files = 0;
    while (performance.now() < endsAtMs) {
      const taken = (await callDatabase("take_removed_attachments", {})).map(({ path }) => path);
      if (taken.length === 0) break;
      await removeFiles("attachments", taken);
      files += taken.length;
    }
    return Response.json({ files });
  },
});

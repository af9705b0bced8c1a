import { z } from "zod";

import { attachmentLinks } from "./attachment_links.ts";
import { removeAttachments } from "./remove_attachments.ts";
import { removeFiles } from "../_community/pictures.ts";
import { callDatabase } from "../_shared/database/rpc.ts";
import { defineEndpoint } from "../_shared/endpoint.ts";
import { defineActions } from "../_shared/http/actions.ts";

/** Removes attachments that were never sent. The schedule calls it every night; the next call removes the rest. */
const cleanUpAttachments = defineEndpoint({
  name: "messages/clean-up-attachments",
  auth: "secret",
  method: "POST",
  input: z.object({
    budget_ms: z.coerce.number().int().min(1_000).max(120_000).default(100_000).describe(
      "No new batch of a thousand files starts after this time",
    ),
  }),
  output: z.object({ files: z.int().describe("How many files were removed") }),
  async handle({ input }) {
    const endsAtMs = performance.now() + input.budget_ms;
    let files = 0;
    let before = new Set<string>();
    while (performance.now() < endsAtMs) {
      const listed = (await callDatabase("attachments_to_remove", {})).map(({ path }) => path);
      // What Storage did not remove is named again.
      if (listed.every((path) => before.has(path))) break;
      await removeFiles("attachments", listed);
      before = new Set(listed);
      files += listed.length;
    }
    return Response.json({ files });
  },
});

export default defineActions("messages", {
  "attachment-links": attachmentLinks,
  "clean-up-attachments": cleanUpAttachments,
  "remove-attachments": removeAttachments,
}) satisfies Deno.ServeDefaultExport;

import { z } from "zod";

import { adminClient, userClient } from "../_shared/database/database.ts";
import { defineEndpoint } from "../_shared/endpoint.ts";
import { supabase } from "../_shared/platform/env.ts";
import { AppError } from "../_shared/platform/errors.ts";

/** A link asks nobody: who is removed from a salon reads on for so long. */
const LIFETIME_S = 60;

const Link = z.object({
  path: z.string(),
  url: z.string().describe("Works without credentials for a minute"),
});

/** Links to attachments of messages that the caller sees, for what shows a file by its address. Others are left out. */
export const attachmentLinks = defineEndpoint({
  name: "messages/attachment-links",
  auth: "user",
  method: "POST",
  callLimit: { quota: 120, window_s: 60 },
  input: z.object({ paths: z.array(z.string().min(1).max(300)).min(1).max(50) }),
  output: z.object({ links: z.array(Link) }),
  async handle({ caller, input }) {
    // Read as the caller: the policies say which of them it may see.
    const { data: seen, error } = await userClient(caller.token).from("message_attachments").select("path")
      .in("path", input.paths);
    if (error) throw unavailable(error);
    const links = (await Promise.all(seen.map(({ path }) => linkTo(path)))).filter((link) =>
      link !== undefined
    );
    return Response.json({ links });
  },
});

/** None for a file that is being removed. */
async function linkTo(path: string): Promise<z.infer<typeof Link> | undefined> {
  const { data, error } = await adminClient().storage.from("attachments").createSignedUrl(path, LIFETIME_S);
  if (error && "statusCode" in error && error.statusCode === "404") return undefined;
  if (error) throw unavailable(error);
  return { path, url: reachable(data.signedUrl) };
}

function unavailable(cause: unknown): AppError {
  return new AppError("service_unavailable", "Storage cannot be reached at the moment", { cause });
}

/** Inside containers the project has a different address than outside. */
function reachable(url: string): string {
  const { url: internalUrl, publicUrl } = supabase();
  return url.startsWith(internalUrl) ? publicUrl + url.slice(internalUrl.length) : url;
}

import { z } from "zod";

import { defineEndpoint } from "../_shared/endpoint.ts";
import { leadOn, LINK_LIMIT, Next } from "./lead_on.ts";

/**
 * Where the links in Auth's e-mails lead: leads the browser on to a listed site with the token's hash in the address. There
 * `verifyOtp({ token_hash, type })` confirms it. Opening the link uses nothing up, as mail scanners open links, too.
 */
export const confirm = defineEndpoint({
  name: "auth/confirm",
  auth: "none",
  method: "GET",
  callLimit: LINK_LIMIT,
  input: z.object({
    token_hash: z.string().regex(/^[\w-]{1,200}$/, "Expected is the hash of a token"),
    type: z.enum(["signup", "invite", "magiclink", "recovery", "email_change", "email"]),
    next: Next,
  }),
  handle: ({ input: { next, ...carried } }) => Promise.resolve(leadOn(next, carried)),
});

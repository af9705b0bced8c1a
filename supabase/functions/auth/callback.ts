import { z } from "zod";

import { defineEndpoint } from "../_shared/endpoint.ts";
import { leadOn, LINK_LIMIT, Next } from "./lead_on.ts";

const Words = z.string().max(500).optional();

/**
 * Where a sign-in provider or a link of Auth leads back to (PKCE): leads the browser on to a listed site with the code in
 * the address. There `exchangeCodeForSession(code)`, which supabase-js calls by itself, makes the session with the verifier
 * that only this browser has. A failure is passed on as `error`, `error_code` and `error_description`.
 */
export const callback = defineEndpoint({
  name: "auth/callback",
  auth: "none",
  method: "GET",
  callLimit: LINK_LIMIT,
  input: z.object({
    code: z.string().regex(/^[\w-]{1,200}$/, "Expected is the code of a sign-in").optional(),
    next: Next,
    error: Words,
    error_code: Words,
    error_description: Words,
  }).refine(({ code, error }) => code !== undefined || error !== undefined, "Expected is a code or an error"),
  handle: ({ input: { next, ...carried } }) => Promise.resolve(leadOn(next, carried)),
});

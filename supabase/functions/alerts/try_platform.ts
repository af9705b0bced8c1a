import { z } from "zod";

import { defineEndpoint } from "../_shared/endpoint.ts";
import { supabase } from "../_shared/platform/env.ts";
import { encryptionSettings } from "../_shared/security/settings.ts";

const TRY_PLATFORM_MS = 20_000;

/**
 * Tests on the platform itself what alerts, pictures and secrets depend on: sealing, opening, refusing an altered
 * envelope, fetching over https and posting over https. Only the project itself is called, and nothing is stored.
 */
export const tryPlatform = defineEndpoint({
  name: "alerts/try-platform",
  auth: "secret",
  method: "POST",
  input: z.object({}),
  output: z.object({
    trials: z.array(z.object({
      trial: z.enum(["sealing", "opening", "refusing", "picture", "alert"]),
      outcome: z.enum(["good", "bad", "untried"]).describe("untried: a requirement is missing"),
      message: z.string(),
    })),
  }),
  async handle() {
    const trials = await import("../_alerts/platform_trials.ts");
    const results = await trials.tryPlatform({
      keyring: encryptionSettings().TOKEN_ENCRYPTION_KEYS,
      projectUrl: supabase().publicUrl,
      signal: AbortSignal.timeout(TRY_PLATFORM_MS),
    });
    return Response.json({ trials: results });
  },
});

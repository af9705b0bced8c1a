import { z } from "zod";

import { changeAs } from "../_community/outcome.ts";
import { defineEndpoint } from "../_shared/endpoint.ts";

const Profile = z.object({
  id: z.string(),
  full_name: z.string().nullable(),
  avatar_url: z.string().nullable(),
  cover_url: z.string().nullable(),
  bio: z.string().nullable(),
  city: z.string().nullable(),
  interests: z.array(z.string()),
  status: z.enum(["online", "away", "busy", "offline"]),
  created_at: z.string(),
  updated_at: z.string(),
}).loose();

interface Ensured {
  is_new: boolean;
  profile: z.infer<typeof Profile>;
}

/** Makes the signed-in user's profile if there is none, and returns it. It may be repeated. */
export const ensure = defineEndpoint({
  name: "profile/ensure",
  auth: "user",
  method: "POST",
  callLimit: { quota: 60, window_s: 3_600 },
  input: z.object({}),
  output: z.object({ profile: Profile, is_new: z.boolean() }),
  codes: ["not_found"],
  async handle({ caller }) {
    const { profile, is_new } = await changeAs<Ensured>(caller.token, "ensure_profile", {});
    return Response.json({ profile, is_new });
  },
});

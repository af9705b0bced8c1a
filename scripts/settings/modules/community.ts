import { communitySettings } from "../../../supabase/functions/_community/settings.ts";
import type { ModuleSettings } from "../declared.ts";

export default {
  declared: [communitySettings],
  needs: {
    AUTH_SITES: { when: "e-mails and sign-in providers lead back to your site", functions: ["auth"] },
  },
} satisfies ModuleSettings;

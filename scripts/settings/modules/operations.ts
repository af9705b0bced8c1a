import { alertSettings } from "../../../supabase/functions/_alerts/settings.ts";
import type { ModuleSettings } from "../declared.ts";

export default {
  declared: [alertSettings],
  needs: {
    TOKEN_ENCRYPTION_KEYS: { when: "alerts are sent", functions: ["alerts"] },
  },
} satisfies ModuleSettings;

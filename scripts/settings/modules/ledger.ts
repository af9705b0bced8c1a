import { ledgerSettings } from "../../../supabase/functions/_shared/ledger/settings.ts";
import { modelSettings } from "../../../supabase/functions/_shared/models/settings.ts";
import type { ModuleSettings } from "../declared.ts";

export default {
  declared: [modelSettings, ledgerSettings],
  needs: {
    AI_REASONING_EFFORT: { when: "a model's reasoning takes too long, or is not enough", functions: [] },
    SUPABASE_DB_URL: { when: "`LEDGER_TRANSPORT=postgres`; Supabase sets it", functions: [] },
  },
} satisfies ModuleSettings;

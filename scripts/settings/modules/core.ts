import {
  coreSettings,
  observabilitySettings,
} from "../../../supabase/functions/_shared/platform/settings.ts";
import { encryptionSettings } from "../../../supabase/functions/_shared/security/settings.ts";
import type { ModuleSettings } from "../declared.ts";

export default {
  declared: [encryptionSettings, observabilitySettings, coreSettings],
  needs: {
    OTEL_EXPORTER_OTLP_ENDPOINT: { when: "requests are traced", functions: [] },
    OTEL_EXPORTER_OTLP_HEADERS: { when: "the collector requires a key", functions: [] },
  },
} satisfies ModuleSettings;

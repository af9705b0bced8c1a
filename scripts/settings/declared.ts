import { alertSettings } from "../../supabase/functions/_alerts/settings.ts";
import { oauthSettings } from "../../supabase/functions/_oauth/settings.ts";
import { otpSettings } from "../../supabase/functions/_otp/settings.ts";
import { ledgerSettings } from "../../supabase/functions/_shared/ledger/settings.ts";
import { modelSettings } from "../../supabase/functions/_shared/models/settings.ts";
import { coreSettings, observabilitySettings } from "../../supabase/functions/_shared/platform/settings.ts";
import { encryptionSettings } from "../../supabase/functions/_shared/security/settings.ts";
import { vaultSettings } from "../../supabase/functions/_vault/settings.ts";

/** The settings of every module, in the order of docs/configuration.md; a test finds one that is missing here. */
export const DECLARED = [
  modelSettings,
  ledgerSettings,
  encryptionSettings,
  otpSettings,
  oauthSettings,
  vaultSettings,
  alertSettings,
  observabilitySettings,
  coreSettings,
];

import type { ProviderSettings } from "./setting_texts.ts";

/** A provider by its name in OAUTH_PROVIDERS. */
export interface Provider {
  name: string;
  settings: ProviderSettings;
}

/** A provider's token response, with its extra fields. */
export interface Granted {
  [name: string]: unknown;
  access_token: string;
  token_type: string;
  expires_in?: number;
  scope?: string;
  refresh_token?: string;
}

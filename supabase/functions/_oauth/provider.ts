import type { ProviderSettings } from "./setting_texts.ts";

/** A provider by its name in OAUTH_PROVIDERS. */
export interface Provider {
  name: string;
  settings: ProviderSettings;
}

/** What a provider gave; what else it told stands beside. */
export interface Granted {
  [name: string]: unknown;
  access_token: string;
  token_type: string;
  expires_in?: number;
  scope?: string;
  refresh_token?: string;
}

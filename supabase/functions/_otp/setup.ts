import { misconfigured, supabase } from "../_shared/platform/env.ts";
import type { Keyring } from "../_shared/security/keyring.ts";
import { coreSettings } from "../_shared/platform/settings.ts";
import type { PhonePolicy } from "./phone_numbers.ts";
import { consoleOf } from "./providers/console.ts";
import type { Channel, Provider } from "./providers/provider.ts";
import { smtp } from "./providers/smtp.ts";
import { twilio } from "./providers/twilio.ts";
import { twilioReportUrl } from "./twilio_reports.ts";
import { vonage } from "./providers/vonage.ts";
import { otpSettings } from "./settings.ts";

/** The settings of the environment. */
export type Settings = ReturnType<typeof otpSettings> & ReturnType<typeof coreSettings>;

/** The setup of one-time codes, checked as a whole. */
export interface OtpSetup {
  peppers: Keyring;
  providers: Provider[];
  timeoutMs: number;
  phones: PhonePolicy;
  trustedProxies: number;
  appName: string;
  appHash?: string;
  webDomain?: string;
  testNumbers: Map<string, string>;
  testNumbersUntil?: string;
}

let known: OtpSetup | undefined;

/**
 * The setup, checked at its first use. Throws `internal` for forbidden settings, such as the console provider in
 * production.
 */
export function otpSetup(): OtpSetup {
  known ??= checkedSetup({ ...coreSettings(), ...otpSettings() }, isLocalProject(), supabase().publicUrl);
  return known;
}

/** The host names of development stacks; a self-hosted project has another public address. */
const LOCAL_HOSTS = ["127.0.0.1", "localhost", "[::1]", "kong", "host.docker.internal"];

function isLocalProject(): boolean {
  const { url, publicUrl } = supabase();
  return [url, publicUrl].every((address) => LOCAL_HOSTS.includes(new URL(address).hostname));
}

/** Builds the setup from the settings. `publicUrl`: the project's address for providers. Throws `internal`. */
export function checkedSetup(settings: Settings, isLocal: boolean, publicUrl: string): OtpSetup {
  const { OTP_PEPPERS, OTP_PROVIDERS, OTP_TEST_NUMBERS, OTP_TEST_NUMBERS_UNTIL } = settings;
  if (OTP_PEPPERS === undefined) throw misconfigured("OTP_PEPPERS is not set");
  if (OTP_PROVIDERS.length === 0) throw misconfigured("OTP_PROVIDERS is not set");
  if (OTP_PROVIDERS.includes("console") && !isLocal) {
    throw misconfigured(
      "OTP_PROVIDERS has console, which prints codes and is only allowed on a local project",
    );
  }
  if (OTP_TEST_NUMBERS.size > 0 && !isLocal) {
    throw misconfigured("OTP_TEST_NUMBERS is only allowed on a local project");
  }
  if (OTP_TEST_NUMBERS.size > 0 && OTP_TEST_NUMBERS_UNTIL === undefined) {
    throw misconfigured("OTP_TEST_NUMBERS needs its expiry, OTP_TEST_NUMBERS_UNTIL");
  }
  return {
    peppers: OTP_PEPPERS,
    providers: OTP_PROVIDERS.flatMap((name) => providersOf(name, settings, publicUrl)),
    timeoutMs: settings.OTP_PROVIDER_TIMEOUT_MS,
    phones: {
      callingCodes: settings.OTP_CALLING_CODES,
      defaultCountry: settings.OTP_DEFAULT_COUNTRY,
      allowVoip: settings.OTP_ALLOW_VOIP,
    },
    trustedProxies: settings.OTP_TRUSTED_PROXIES,
    appName: settings.OTP_APP_NAME,
    appHash: settings.OTP_APP_HASH,
    webDomain: settings.OTP_WEB_DOMAIN,
    testNumbers: OTP_TEST_NUMBERS,
    testNumbersUntil: OTP_TEST_NUMBERS_UNTIL,
  };
}

function providersOf(
  name: Settings["OTP_PROVIDERS"][number],
  settings: Settings,
  publicUrl: string,
): Provider[] {
  const costMicros = settings.OTP_MESSAGE_COST_MICROS;
  const required = <Name extends keyof Settings>(setting: Name): NonNullable<Settings[Name]> => {
    const value = settings[setting];
    if (value == null) throw misconfigured(`OTP_PROVIDERS has ${name}, but ${setting} is not set`);
    return value;
  };
  switch (name) {
    case "twilio":
      return [twilio({
        baseUrl: settings.TWILIO_BASE_URL,
        accountSid: required("TWILIO_ACCOUNT_SID"),
        authToken: required("TWILIO_AUTH_TOKEN"),
        from: required("TWILIO_FROM"),
        reportUrl: twilioReportUrl(publicUrl),
        costMicros,
      })];
    case "vonage":
      return [vonage({
        baseUrl: settings.VONAGE_BASE_URL,
        apiKey: required("VONAGE_API_KEY"),
        apiSecret: required("VONAGE_API_SECRET"),
        from: required("VONAGE_FROM"),
        costMicros,
      })];
    case "smtp":
      return [smtp({
        url: required("SMTP_URL"),
        from: required("SMTP_FROM"),
        timeoutMs: settings.OTP_PROVIDER_TIMEOUT_MS,
      })];
    case "console":
      return (["sms", "email"] satisfies Channel[]).map(consoleOf);
  }
}

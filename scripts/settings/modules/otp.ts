import { otpSettings } from "../../../supabase/functions/_otp/settings.ts";
import type { ModuleSettings } from "../declared.ts";

export default {
  declared: [otpSettings],
  needs: {
    OTP_PEPPERS: { when: "one-time codes are sent", functions: ["otp"] },
    OTP_PROOF_KEY: { when: "a verified code gives a proof", functions: ["otp"] },
    OTP_DEFAULT_COUNTRY: { when: "users enter numbers without a calling code", functions: [] },
    OTP_APP_HASH: { when: "an Android app reads the code", functions: [] },
    OTP_WEB_DOMAIN: { when: "browsers fill in the code", functions: [] },
    OTP_TEST_NUMBERS_UNTIL: { when: "`OTP_TEST_NUMBERS` is set", functions: [] },
    TWILIO_ACCOUNT_SID: { when: "`OTP_PROVIDERS` has `twilio`", functions: [] },
    TWILIO_AUTH_TOKEN: { when: "`OTP_PROVIDERS` has `twilio`", functions: [] },
    TWILIO_FROM: { when: "`OTP_PROVIDERS` has `twilio`", functions: [] },
    VONAGE_API_KEY: { when: "`OTP_PROVIDERS` has `vonage`", functions: [] },
    VONAGE_API_SECRET: { when: "`OTP_PROVIDERS` has `vonage`", functions: [] },
    VONAGE_FROM: { when: "`OTP_PROVIDERS` has `vonage`", functions: [] },
    SMTP_URL: { when: "`OTP_PROVIDERS` has `smtp`", functions: [] },
    SMTP_FROM: { when: "`OTP_PROVIDERS` has `smtp`", functions: [] },
    SEND_SMS_HOOK_SECRET: { when: "Auth's Send SMS hook is on", functions: [] },
  },
} satisfies ModuleSettings;

import { type Permissions } from "../permissions.ts";

export default {
  tables: {
    otp_codes: { why: "codes, used through their functions alone" },
    user_phones: { own: ["read"], server: ["read"], why: "written by verify_otp alone" },
  },
  routines: {
    record_otp_delivery: { server: ["call"], why: "says what became of a code" },
    record_otp_report: { server: ["call"], why: "takes a report whose signature its caller has checked" },
    request_otp: { server: ["call"], why: "issues a code for the phone that its caller names" },
    use_otp_proof: { server: ["call"], why: "uses up a proof whose signature its caller has checked" },
    verify_otp: { server: ["call"], why: "judges a guess, and names the user whose phone it becomes" },
  },
  endpoints: {
    "otp/hook": {
      anon: ["call"],
      own: ["call"],
      server: ["call"],
      why: "for Supabase Auth alone: does nothing without its signature",
    },
    "otp/request": {
      anon: ["call"],
      own: ["call"],
      why: "for the publishable key, and for whom the token names",
    },
    "otp/twilio-report": {
      anon: ["call"],
      own: ["call"],
      server: ["call"],
      why: "for Twilio alone: does nothing without its signature",
    },
    "otp/verify": {
      anon: ["call"],
      own: ["call"],
      why: "for the publishable key, and for whom the token names",
    },
  },
} satisfies Permissions;

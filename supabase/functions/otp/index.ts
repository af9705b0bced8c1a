import { defineActions } from "../_shared/http/actions.ts";
import { hook } from "./hook.ts";
import { request } from "./request.ts";
import { twilioReport } from "./twilio_report.ts";
import { verify } from "./verify.ts";

export default defineActions("otp", {
  request,
  verify,
  hook,
  "twilio-report": twilioReport,
}) satisfies Deno.ServeDefaultExport;

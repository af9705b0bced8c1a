import { tryPlatformOf } from "../../../deploy/platform.ts";
import type { Examination, Finding } from "../../finding.ts";

/** Whether the deployed functions can do what secrets, pictures and alerts depend on, tested where they run. */
export const platformExamination: Examination = {
  name: "platform",
  async examine({ url, secretKey, isLocal }) {
    if (!url || !secretKey) {
      return [{
        severity: "note",
        what: "The platform was not tested",
        why: "Runtimes differ: one was seen to open altered envelopes",
        fix: "Run it with --url and the project's secret key in SUPABASE_SECRET_KEY",
      }];
    }
    const lines = await tryPlatformOf(url, secretKey);
    // Nobody can try https where there is none.
    const isOfHttps = (trial: string) => trial === "picture" || trial === "alert";
    const findings = lines.filter(({ trial, outcome }) =>
      outcome === "bad" || (outcome === "untried" && !(isLocal && isOfHttps(trial)))
    );
    return findings.map(({ trial, outcome, message, fix }): Finding => ({
      severity: outcome === "bad" ? "missing" : "note",
      what: outcome === "bad"
        ? `The platform fails at ${trial}: ${message}`
        : `The platform's ${trial} was not tried: ${message}`,
      why: WHY[trial],
      fix: isLocal && trial === "sealing" ? "supabase/functions/.env: TOKEN_ENCRYPTION_KEYS=…" : fix,
    }));
  },
};

const WHY: Record<Awaited<ReturnType<typeof tryPlatformOf>>[number]["trial"], string> = {
  sealing: "Tokens, and addresses of alerts, are stored encrypted",
  opening: "Stored secrets must be readable",
  refusing: "Anybody with write access to the database could give a function another account's secret",
  picture: "Features accept pictures by URL",
  alert: "Alerts are posted to receivers over https",
};

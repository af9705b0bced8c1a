import type { TrialResult } from "../../supabase/functions/_alerts/platform_trials.ts";

/** What to do when a trial fails, or cannot be made. */
const FIXES: Record<TrialResult["trial"], string> = {
  sealing:
    "Give a key: supabase secrets set TOKEN_ENCRYPTION_KEYS=…; docs/configuration.md says how to make one",
  opening:
    "Keep every key in TOKEN_ENCRYPTION_KEYS that something is sealed with; where they are all there, WebCrypto of this runtime is broken: go back to the last deployment and tell Supabase",
  refusing:
    "Store no secret with this runtime: what is altered in the database would be taken. Go back to the last deployment and tell Supabase",
  picture:
    "See that functions may reach port 443 (Deno.connect, Deno.startTls) and resolve names; until then pictures by address are refused, and pictures in the request still work",
  alert: "The same as for pictures; until then alerts wait in the outbox, and docs/metrics.md tells how many",
};

/** The response of every function on a platform whose envelopes protect nothing. */
const UNSOUND = "The platform cannot protect secrets";

/** A trial on a deployed project, and how to fix a failure. */
export interface PlatformLine extends TrialResult {
  fix: string;
}

/** Has the project's functions test their platform. Throws if the project does not answer. */
export async function tryPlatformOf(url: string, secretKey: string): Promise<PlatformLine[]> {
  const response = await fetch(`${url}/functions/v1/alerts/try-platform`, {
    method: "POST",
    headers: { "apikey": secretKey, "Content-Type": "application/json" },
    body: "{}",
    signal: AbortSignal.timeout(40_000),
  });
  const text = await response.text();
  if (text.includes(UNSOUND)) {
    return [{ trial: "refusing", outcome: "bad", message: UNSOUND, fix: FIXES.refusing }];
  }
  if (!response.ok) {
    throw new Error(`alerts/try-platform answered HTTP ${response.status} ${text.slice(0, 200)}`);
  }
  const { trials } = JSON.parse(text) as { trials: TrialResult[] };
  return trials.map((result) => ({ ...result, fix: FIXES[result.trial] }));
}

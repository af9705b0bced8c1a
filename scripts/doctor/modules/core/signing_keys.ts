import type { Examination } from "../../finding.ts";

/** Whether users' tokens can be verified: functions use the published key set, and HS256 has none. */
export const signingKeysExamination: Examination = {
  name: "signing keys",
  async examine({ url, isLocal }) {
    if (!url) {
      return [{
        severity: "note",
        what: "The signing keys were not checked",
        why: "A database does not have the project's URL",
        fix: "Give --url, or link the project",
      }];
    }
    const address = `${url}/auth/v1/.well-known/jwks.json`;
    const answer = await fetch(address, { signal: AbortSignal.timeout(10_000) });
    if (!answer.ok) throw new Error(`${address} answers HTTP ${answer.status}`);
    const { keys = [] }: { keys?: { kty?: string; kid?: string; alg?: string }[] } = await answer.json();
    if (keys.some(({ kty, kid }) => kid !== undefined && (kty === "EC" || kty === "RSA" || kty === "OKP"))) {
      return [];
    }
    return [{
      severity: "missing",
      what: "The project signs users' tokens with the legacy secret (HS256): it publishes no key",
      why: "Functions verify users against the published keys, so that every signed-in user gets 401",
      fix: isLocal
        ? "deno task stop; deno task start: the local gateway makes a key"
        : "Dashboard: Project Settings, JWT Keys, Migrate JWT secret, then Rotate keys (ES256)",
    }];
  },
};

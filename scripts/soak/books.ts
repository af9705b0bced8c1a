import { createHash } from "node:crypto";

/** A charge in a client's response. */
export interface ToldCharge {
  userId: string;
  requestId: string;
  charged: number;
  /** A digest of the response: a run of half an hour has too many responses to keep. */
  digest: string;
}

export interface ToldGrant {
  userId: string;
  amount: number;
}

/** The responses that clients got: in the end the ledger must match them. */
export class Books {
  readonly charges = new Map<string, ToldCharge>();
  readonly grants = new Map<string, ToldGrant>();
  /** Responses that contradict earlier ones. */
  readonly contradictions: string[] = [];

  /** Records a 200 for a key, the first one or a replay. */
  noteCharge(userId: string, key: string, text: string): void {
    const { request_id, charged } = JSON.parse(text).usage;
    const told = { userId, requestId: request_id, charged, digest: digest(text) };
    const first = this.charges.get(key);
    if (!first) this.charges.set(key, told);
    else if (first.digest !== told.digest) {
      this.contradictions.push(
        `${key} was first answered ${JSON.stringify(first)}, then ${JSON.stringify(told)}`,
      );
    }
  }

  noteGrant(requestId: string, grant: ToldGrant): void {
    this.grants.set(requestId, grant);
  }
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}

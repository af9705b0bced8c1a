import { createHash } from "node:crypto";

/** A charge that a client was told of. */
export interface ToldCharge {
  userId: string;
  requestId: string;
  charged: number;
  /** Of the answer's bytes: a run of half an hour has too many answers to keep. */
  digest: string;
}

export interface ToldGrant {
  userId: string;
  amount: number;
}

/** What clients were told: the ledger must say the same in the end. */
export class Books {
  readonly charges = new Map<string, ToldCharge>();
  readonly grants = new Map<string, ToldGrant>();
  /** Answers that contradict earlier ones. */
  readonly contradictions: string[] = [];

  /** Notes a 200 for a key, the first one or a replay of it. */
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

// What is left of each grant, computed from the history alone: an audit that does not rely on the database's own.
import type { Entry } from "./entries.ts";

/** The types of entries that are not charges. */
const OTHER_THAN_CHARGES = new Set(["grant", "expiry", "refund", "clawback", "debt_payment", "rollover"]);

/** In the order in which they are spent where priority and end are equal. */
const KINDS = ["promotion", "rollover", "refund", "plan", "paid"];

/** A grant, named by the number of the entry that added it. */
export interface LeftGrant {
  entry_number: bigint;
  kind: string;
  priority: number;
  /** Microseconds since 1970; null: it never ends. */
  ends_at: bigint | null;
  remaining: bigint;
}

interface Part {
  grant: bigint;
  tokens: bigint;
}

/** Whether an entry of this type is a charge. */
export function isCharge(operationType: string): boolean {
  return !OTHER_THAN_CHARGES.has(operationType);
}

/** Seconds since 1970, as Postgres writes them, in microseconds. */
export function microseconds(seconds: string): bigint {
  const [whole, fraction = ""] = seconds.replace("-", "").split(".");
  const amount = BigInt(whole! + fraction.padEnd(6, "0").slice(0, 6));
  return seconds.startsWith("-") ? -amount : amount;
}

/** One wallet's grants, entry after entry. */
export class ReplayedGrants {
  /** All grants that there ever were, as a refund may go back to one that was used up. */
  readonly #grants: Map<bigint, LeftGrant>;

  constructor(openings: LeftGrant[]) {
    this.#grants = new Map(openings.map((grant) => [grant.entry_number, { ...grant }]));
  }

  /** Throws if an entry contradicts those before it. */
  append(entry: Entry): void {
    const at = microseconds(entry.created_at_s);
    const metadata = entry.metadata === null ? {} : JSON.parse(entry.metadata);
    if (isCharge(entry.operation_type)) {
      const hasEnded = metadata.grants &&
        this.#inOrder().some(({ ends_at }) => ends_at !== null && ends_at <= at);
      if (hasEnded) this.#change(partsOf(metadata), -1n);
      else this.#spend(-entry.delta);
      return;
    }
    const parts = partsOf(metadata);
    const isRollover = entry.operation_type === "rollover";
    if (isRollover || entry.delta < 0n) this.#change(parts, -1n);
    else if (entry.delta > 0n) this.#change(parts, 1n);
    if (isRollover) { for (const { grant } of parts) this.#grantOf(grant).ends_at = at; }
    if (entry.operation_type === "grant" || metadata.grant) {
      const { kind = "paid", priority = 50, expires_at } = metadata.grant ?? {};
      this.#grants.set(entry.entry_number, {
        entry_number: entry.entry_number,
        kind,
        priority,
        ends_at: expires_at ? microsecondsOfTime(expires_at) : null,
        remaining: isRollover ? parts.reduce((sum, { tokens }) => sum + tokens, 0n) : entry.delta,
      });
    }
  }

  /** Those with something left, in the order in which they are spent. */
  left(): LeftGrant[] {
    return this.#inOrder();
  }

  #inOrder(): LeftGrant[] {
    return inOrder([...this.#grants.values()].filter(({ remaining }) => remaining !== 0n));
  }

  #spend(tokens: bigint): void {
    spend(this.#inOrder(), tokens);
  }

  #change(parts: Part[], sign: bigint): void {
    for (const { grant, tokens } of parts) this.#grantOf(grant).remaining += sign * tokens;
  }

  #grantOf(entryNumber: bigint): LeftGrant {
    const grant = this.#grants.get(entryNumber);
    if (!grant) throw new Error(`it names grant ${entryNumber}, which does not exist`);
    return grant;
  }
}

/** Grants in the order in which they are spent. */
export function inOrder(grants: LeftGrant[]): LeftGrant[] {
  return grants.toSorted((one, other) =>
    one.priority - other.priority || compareEnds(one.ends_at, other.ends_at) ||
    KINDS.indexOf(one.kind) - KINDS.indexOf(other.kind) || (one.entry_number < other.entry_number ? -1 : 1)
  );
}

/** Takes tokens from grants, in the given order, as far as they have any. */
export function spend(grants: LeftGrant[], tokens: bigint): void {
  for (const grant of grants) {
    const part = grant.remaining < tokens ? grant.remaining : tokens;
    grant.remaining -= part;
    tokens -= part;
    if (tokens === 0n) return;
  }
}

/** Where two lists of grants differ, in one line; undefined if they do not. */
export function differenceOf(told: LeftGrant[], owned: LeftGrant[]): string | undefined {
  const [byHistory, inTable] = [told, owned].map((list) =>
    inOrder(list.filter(({ remaining }) => remaining !== 0n)).map(describe)
  );
  const missing = byHistory!.filter((one) => !inTable!.includes(one));
  const added = inTable!.filter((one) => !byHistory!.includes(one));
  if (missing.length + added.length === 0) return undefined;
  return `by the entries ${missing.slice(0, 5).join("; ") || "nothing"}, in the table ${
    added.slice(0, 5).join("; ") || "nothing"
  }`;
}

function describe({ entry_number, kind, priority, ends_at, remaining }: LeftGrant): string {
  return `entry ${entry_number}: ${remaining} of kind ${kind}, priority ${priority}, until ${
    ends_at ?? "ever"
  }`;
}

function compareEnds(one: bigint | null, other: bigint | null): number {
  if (one === other) return 0;
  if (one === null || other === null) return one === null ? 1 : -1;
  return one < other ? -1 : 1;
}

function partsOf(metadata: { grants?: { grant: number; tokens: number }[] }): Part[] {
  return (metadata.grants ?? []).map(({ grant, tokens }) => ({
    grant: BigInt(grant),
    tokens: BigInt(tokens),
  }));
}

/** A time as Postgres writes it in JSON, to the microsecond. */
function microsecondsOfTime(time: string): bigint {
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? "";
  const seconds = Date.parse(time.replace(/\.\d+/, "")) / 1_000;
  return BigInt(seconds) * 1_000_000n + BigInt(fraction.padEnd(6, "0").slice(0, 6));
}

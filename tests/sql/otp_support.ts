import { createHash, createHmac } from "node:crypto";

import { type Call, type Database, newId, run } from "./support.ts";

/** The result of request_otp. */
export interface Requested {
  success: boolean;
  error: string | null;
  duplicate: boolean;
  challenge_id: string;
  expires_in_s: number;
  resend_in_s: number;
  attempts_left: number;
  retry_after_s: number;
  denied_by: string | null;
  reasons: string[];
  providers: string[];
  is_test: boolean;
  limits: unknown[];
}

/** The result of verify_otp. */
export interface Judged {
  success: boolean;
  error: string | null;
  attempts_left: number;
  retry_after_s: number | null;
  challenge_id: string;
  channel: string;
  proof_id: string;
}

export const RIGHT = "042137";
const PEPPER = "the pepper of these tests";

/** The HMAC of a code, as the function makes it. */
export function macOf(phone: string, code: string, purpose = "verify_phone", pepper = PEPPER): string {
  return createHmac("sha256", pepper).update(`${purpose}|${phone}|${code}`).digest("hex");
}

/** Some French mobile number. */
export function newPhone(): string {
  return `+336${String(crypto.getRandomValues(new Uint32Array(1))[0]! % 100_000_000).padStart(8, "0")}`;
}

export interface RequestOptions {
  purpose?: string;
  code?: string;
  country?: string;
  network?: string | null;
  providers?: string[];
  cost?: number;
  user?: string;
  key?: string;
  testUntil?: string;
  channel?: string;
  wideNetwork?: string;
  /** Where a code by e-mail goes. */
  address?: string;
}

export function request(phone: string, options: RequestOptions = {}): Call {
  const { purpose = "verify_phone", code = RIGHT } = options;
  return {
    name: "request_otp",
    args: {
      p_phone: phone,
      p_country: options.country ?? "FR",
      p_purpose: purpose,
      p_channel: options.channel ?? "sms",
      p_network: options.network === undefined ? newId() : options.network,
      p_key_id: "k1",
      p_mac: macOf(phone, code, purpose),
      p_providers: options.providers ?? ["twilio"],
      p_cost_micros: options.cost ?? 0,
      p_user_id: options.user ?? null,
      p_request_key: options.key ?? null,
      p_test_mac: options.testUntil ? macOf(phone, "000000", purpose) : null,
      p_test_until: options.testUntil ?? null,
      p_wide_network: options.wideNetwork ?? null,
      p_address: options.address ?? null,
    },
  };
}

export interface VerifyOptions {
  purpose?: string;
  challenge?: string;
  network?: string;
  user?: string;
  wideNetwork?: string;
  macs?: Record<string, string>;
}

export function verify(phone: string, code: string, options: VerifyOptions = {}): Call {
  const purpose = options.purpose ?? "verify_phone";
  return {
    name: "verify_otp",
    args: {
      p_phone: phone,
      p_purpose: purpose,
      p_macs: options.macs ?? { k1: macOf(phone, code, purpose) },
      p_network: options.network ?? newId(),
      p_challenge_id: options.challenge ?? null,
      p_user_id: options.user ?? null,
      p_wide_network: options.wideNetwork ?? null,
    },
  };
}

/** The functions of one-time codes on a database of the test's own. */
export class Otp {
  constructor(readonly sql: Database["sql"]) {}

  request(phone: string, options?: RequestOptions): Promise<Requested> {
    return run<Requested>(this.sql, request(phone, options));
  }

  /** Issues a code whose cooldown is over at once. */
  async issue(phone: string, options?: RequestOptions): Promise<string> {
    const answer = await this.request(phone, options);
    if (!answer.success) throw new Error(`No code: ${answer.error} ${answer.reasons}`);
    await this.cool(phone);
    return answer.challenge_id;
  }

  verify(phone: string, code: string, options?: VerifyOptions): Promise<Judged> {
    return run<Judged>(this.sql, verify(phone, code, options));
  }

  delivery(id: string, delivery: string, attempts: { provider: string; is_fault: boolean }[] = []) {
    return run<{ success: boolean; error: string | null; is_code_gone: boolean }>(this.sql, {
      name: "record_otp_delivery",
      args: { p_issuance_id: id, p_delivery: delivery, p_attempts: attempts },
    });
  }

  async digest(kind: string, value: string): Promise<string> {
    const [row] = await this.sql`select digest_salt from private.otp_settings`;
    return createHash("sha256").update(row!.digest_salt).update(`${kind}|${value}`).digest("hex").slice(
      0,
      32,
    );
  }

  /** As if the cooldown were over. */
  async cool(phone: string): Promise<void> {
    const digest = await this.digest("phone", phone);
    await this.sql`delete from private.rate_limits where key like ${`otp:cooldown:${digest}%`}`;
  }

  async settings(values: Record<string, unknown>): Promise<void> {
    await this.sql`update private.otp_settings set ${this.sql(values as never)}`;
  }

  /** Runs something under other settings. Tests of one file run one after the other. */
  async withSettings<Result>(values: Record<string, unknown>, work: () => Promise<Result>): Promise<Result> {
    const names = Object.keys(values);
    const [before] = await this.sql`select ${this.sql(names)} from private.otp_settings`;
    await this.settings(values);
    try {
      return await work();
    } finally {
      await this.settings(before as Record<string, unknown>);
    }
  }

  async code(id: string) {
    const [row] = await this.sql`select * from public.otp_codes where id = ${id}`;
    return row;
  }
}

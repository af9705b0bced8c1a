import { inBackground } from "../_shared/platform/background.ts";
import { AppError } from "../_shared/platform/errors.ts";
import { limitHeaders, type LimitState } from "../_shared/http/limit_headers.ts";
import { callDatabase } from "../_shared/database/rpc.ts";
import { type CodePlace, macOf, newCode } from "./codes.ts";
import type { Phone } from "./phone_numbers.ts";
import type { Channel, Message } from "./providers/provider.ts";
import { smsPartsOf } from "./sms_parts.ts";
import { deliver, type Delivery, describeAttempts } from "./sender.ts";
import type { OtpSetup } from "./setup.ts";
import { type CodeReader, messageText } from "./templates.ts";

/** A request for a code. */
export interface Issue {
  phone: Phone;
  purpose: string;
  channel: Channel;
  locale?: string;
  /** The recipient, if it is not the phone. */
  address?: string;
  /** The network whose limits it counts against; null if unknown, as in Supabase Auth's calls. */
  network: string | null;
  /** The wider network around it. */
  wideNetwork?: string | null;
  /** Which apps can read the code from the message; default: all that are set up. */
  codeReader?: CodeReader;
  userId?: string;
  /** A request with the same key is sent only once. */
  requestKey?: string;
  /**
   * A code that Supabase Auth made and checks itself: the same code for the same user and phone is the same request.
   */
  authCode?: { code: string; userId: string | null };
  /** The time for all providers together. */
  deadlineMs: number;
}

/** The database's outcome. */
export interface Issued {
  challengeId: string;
  expiresInS: number;
  resendInS: number;
  attemptsLeft: number;
  /** The caller's own limits. */
  headers: Record<string, string>;
  /** The providers' messages, for the log. */
  deliveryNote?: string;
}

interface RequestAnswer {
  success: boolean;
  error?: string;
  reasons?: string[];
  denied_by?: string;
  retry_after_s?: number | null;
  duplicate: boolean;
  challenge_id: string;
  expires_in_s: number | null;
  resend_in_s: number;
  attempts_left: number;
  providers: string[];
  is_test: boolean;
  limits: LimitState[];
}

/** Creates a code, counts it against all limits in one call, and sends it. Throws `otp_…` codes. */
export async function issueCode(settings: OtpSetup, issue: Issue): Promise<Issued> {
  const { phone, purpose, channel, authCode } = issue;
  const providers = settings.providers.filter((one) => one.channel === channel);
  if (providers.length === 0) throw new AppError("invalid_request", `channel: ${channel} is not set up here`);
  const code = authCode?.code ?? newCode();
  const place = { phone: phone.number, purpose };
  const { active } = settings.peppers;
  const testCode = authCode ? undefined : settings.testNumbers.get(phone.number);
  const answer = await callDatabase("request_otp", {
    p_phone: phone.number,
    p_country: phone.country,
    p_purpose: purpose,
    p_channel: authCode ? "auth_hook" : channel,
    p_network: issue.network!,
    p_key_id: active.id,
    p_mac: authCode ? null! : macOf(settings.peppers, active.id, code, place),
    p_providers: providers.map(({ name }) => name),
    p_cost_micros: Math.max(...providers.map(({ costMicros }) => costMicros)) *
      smsPartsOf(messageOf(settings, issue, code, MAX_MINUTES).text),
    p_user_id: issue.userId || undefined,
    p_request_key: authCode ? hookRequestKey(settings, authCode, place) : issue.requestKey,
    p_auth_user_id: authCode?.userId ?? undefined,
    p_test_mac: testCode && macOf(settings.peppers, active.id, testCode, place),
    p_test_until: testCode && settings.testNumbersUntil,
    p_wide_network: issue.wideNetwork ?? undefined,
    p_address: issue.address,
  }) as unknown as RequestAnswer;
  if (!answer.success) throw refusal(answer);

  const issued = {
    challengeId: answer.challenge_id,
    expiresInS: Number(answer.expires_in_s ?? 0),
    resendInS: answer.resend_in_s,
    attemptsLeft: answer.attempts_left,
    headers: callerHeaders(answer.limits),
  };
  if (answer.duplicate || answer.is_test) return issued;

  const delivery = await deliver(
    answer.providers.map((name) => providers.find((one) => one.name === name)!),
    {
      to: issue.address ?? phone.number,
      id: issued.challengeId,
      ...messageOf(settings, issue, code, Math.max(1, Math.floor(issued.expiresInS / 60))),
    },
    { timeoutMs: settings.timeoutMs, deadlineMs: issue.deadlineMs },
  );
  const record = recordDelivery(answer.challenge_id, delivery);
  const deliveryNote = describeAttempts(delivery.attempts);
  if (delivery.outcome !== "failed") {
    afterTheResponse(record);
    return { ...issued, deliveryNote };
  }
  await record; // A failed code must be void before the caller gets the error.
  const last = delivery.attempts.at(-1);
  if (last?.problem === "recipient") {
    throw new AppError("otp_unsupported_number", "No message reaches this number", {
      details: { reason: "unreachable" },
      cause: new Error(deliveryNote),
    });
  }
  throw new AppError("otp_delivery_failed", "The message could not be sent; try again", {
    cause: new Error(deliveryNote),
  });
}

/** The longest lifetime of a code: a message's cost is computed before this code's lifetime is known. */
const MAX_MINUTES = 10;

function messageOf(
  { appName, appHash, webDomain }: OtpSetup,
  { channel, locale, codeReader }: Issue,
  code: string,
  minutes: number,
): Pick<Message, "subject" | "text"> {
  return messageText(locale, {
    code,
    appName,
    minutes,
    appHash: channel === "sms" && codeReader !== "web" ? appHash : undefined,
    webDomain: codeReader !== "android" ? webDomain : undefined,
  });
}

/**
 * Auth tries up to three times, each time with another message id, so the code identifies the message. It is hashed
 * with the pepper: nobody may find the code with the database alone.
 */
function hookRequestKey(
  { peppers }: OtpSetup,
  { code, userId }: NonNullable<Issue["authCode"]>,
  place: CodePlace,
): string {
  return `hook ${userId} ${macOf(peppers, peppers.active.id, code, place)}`;
}

async function recordDelivery(issuanceId: string, { outcome, attempts, messageId }: Delivery): Promise<void> {
  await callDatabase("record_otp_delivery", {
    p_issuance_id: issuanceId,
    p_delivery: outcome,
    p_attempts: attempts.map(({ provider, is_fault }) => ({ provider, is_fault })),
    p_message_id: messageId,
  });
}

/** The caller does not wait; the platform lets the work finish. */
function afterTheResponse(work: Promise<void>): void {
  inBackground(work.catch((error) => console.error("otp: the delivery was not recorded:", String(error))));
}

/** The rest of the caller's own quota. The rest of a phone's quota would tell strangers about its owner. */
function callerHeaders(limits: LimitState[]): Record<string, string> {
  return limitHeaders(limits.filter(({ name }) => name === "network"));
}

const DEFAULT_RETRY_AFTER_S = 3_600;
/** Limits that no other caller shares. */
const CALLERS_LIMITS = ["cooldown", "phone", "address", "network"];

function refusal({ error, reasons, denied_by, retry_after_s, limits }: RequestAnswer): AppError {
  const retryAfterS = retry_after_s ?? DEFAULT_RETRY_AFTER_S;
  const headers = { "Retry-After": String(retryAfterS) };
  const cause = new Error(`${error}: ${(reasons ?? []).join(", ")}`);
  switch (error) {
    case "too_many_sends":
      return new AppError("otp_too_many_sends", "No further code is sent now; try again later", {
        headers: { ...headers, ...callerHeaders(limits ?? []) },
        // For limits that others share, a caller learns only how long to wait.
        details: {
          retry_after_s: retryAfterS,
          limit: CALLERS_LIMITS.includes(denied_by ?? "") ? denied_by : "other",
        },
        cause,
      });
    case "unconfirmed_address":
      return new AppError("invalid_request", "channel: email is for users who have confirmed their address");
    case "spend_cap":
      return new AppError("service_unavailable", "No codes are sent at the moment", { headers, cause });
    case "delivery_unavailable":
      return new AppError("service_unavailable", "No provider delivers messages at the moment", {
        headers,
        cause,
      });
    default:
      return new AppError("internal", "Something went wrong on our side", { cause });
  }
}

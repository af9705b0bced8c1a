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

/** A code to be made and sent. */
export interface Issue {
  phone: Phone;
  purpose: string;
  channel: Channel;
  locale?: string;
  /** Where the message goes when that is not the phone. */
  address?: string;
  /** Whose limits it takes from; null where the caller's network is not known, as of Supabase Auth. */
  network: string | null;
  /** The wider network that it is a part of. */
  wideNetwork?: string | null;
  /** Who reads the code from the message for the user; all that are set up unless told. */
  codeReader?: CodeReader;
  userId?: string;
  /** The same one is the same request: it is not sent twice. */
  requestKey?: string;
  /** A code that Supabase Auth made and judges itself: the same one for the same user and phone is the same request. */
  authCode?: { code: string; userId: string | null };
  /** How long all providers together may take. */
  deadlineMs: number;
}

/** What the database answers. */
export interface Issued {
  challengeId: string;
  expiresInS: number;
  resendInS: number;
  attemptsLeft: number;
  /** The limits that are the caller's own. */
  headers: Record<string, string>;
  /** What providers said, for the log. */
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

/** Makes a code, takes it from all limits in one call, and sends it. Throws `otp_…` codes. */
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
    afterTheAnswer(record);
    return { ...issued, deliveryNote };
  }
  await record; // What failed must be void before the caller is told so.
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

/** As long as a code may live; what a message costs is counted before it is known how long this one does. */
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
 * Auth tries up to three times, each time under another message id: the code tells that it is the same message. Whoever has
 * the database alone must not find it, so it is hashed with the pepper.
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

/** The caller does not wait for it; the platform lets it end. */
function afterTheAnswer(work: Promise<void>): void {
  inBackground(work.catch((error) => console.error("otp: the delivery was not recorded:", String(error))));
}

/** What is left of the caller's own quota; what is left of a phone's would tell strangers of its owner. */
function callerHeaders(limits: LimitState[]): Record<string, string> {
  return limitHeaders(limits.filter(({ name }) => name === "network"));
}

const DEFAULT_RETRY_AFTER_S = 3_600;
/** Limits that are the caller's alone. */
const CALLERS_LIMITS = ["cooldown", "phone", "address", "network"];

function refusal({ error, reasons, denied_by, retry_after_s, limits }: RequestAnswer): AppError {
  const retryAfterS = retry_after_s ?? DEFAULT_RETRY_AFTER_S;
  const headers = { "Retry-After": String(retryAfterS) };
  const cause = new Error(`${error}: ${(reasons ?? []).join(", ")}`);
  switch (error) {
    case "too_many_sends":
      return new AppError("otp_too_many_sends", "No further code is sent now; try again later", {
        headers: { ...headers, ...callerHeaders(limits ?? []) },
        // Of the limits that others share, a caller learns no more than how long to wait.
        details: {
          retry_after_s: retryAfterS,
          limit: CALLERS_LIMITS.includes(denied_by ?? "") ? denied_by : "other",
        },
        cause,
      });
    case "unconfirmed_address":
      return new AppError("invalid_request", "channel: email is for users who have confirmed their address");
    case "spend_cap":
      return new AppError("service_unavailable", "No codes are sent for the moment", { headers, cause });
    case "delivery_unavailable":
      return new AppError("service_unavailable", "No provider delivers messages for the moment", {
        headers,
        cause,
      });
    default:
      return new AppError("internal", "Something went wrong on our side", { cause });
  }
}

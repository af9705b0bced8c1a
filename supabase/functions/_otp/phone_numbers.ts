import type { CountryCode, PhoneNumber } from "libphonenumber-js/max";

import { AppError } from "../_shared/errors.ts";

export interface PhonePolicy {
  /** Calling codes that get messages; none for all. */
  callingCodes: string[];
  /** Where numbers without a calling code belong. */
  defaultCountry?: string;
  allowVoip: boolean;
}

/** A phone in the one form that everything is keyed by. */
export interface Phone {
  /** E.164, with the plus sign. */
  number: string;
  /** ISO code; the calling code with its plus sign where the number is of no country. */
  country: string;
}

/** Types of libphonenumber that cannot get a message, or get it at a price. */
const REFUSED_TYPES = new Set([
  "FIXED_LINE",
  "PREMIUM_RATE",
  "TOLL_FREE",
  "SHARED_COST",
  "PAGER",
  "VOICEMAIL",
  "UAN",
  "PERSONAL_NUMBER",
]);

type Reason = "not_a_number" | "extension" | "calling_code" | "type";

const MESSAGES: Record<Reason, string> = {
  not_a_number: "phone: expected is a whole phone number with its calling code: +33 6 12 34 56 78",
  extension: "phone: expected is a number without an extension",
  calling_code: "Numbers of this country get no codes",
  type: "Numbers of this type get no codes; expected is a mobile number",
};

/** However a number is spelled, the same phone. Throws `otp_unsupported_number` with a reason. */
export async function phoneOf(text: string, policy: PhonePolicy): Promise<Phone> {
  // The whole metadata, of which only this knows a number's type: 156 KB, not loaded before a number comes.
  const { parsePhoneNumberFromString } = await import("libphonenumber-js/max");
  const international = text.trim().replace(/^[0٠۰]{2}/u, "+");
  const spelled = policy.defaultCountry === undefined ? international : text;
  const parsed = parsePhoneNumberFromString(spelled, {
    defaultCountry: policy.defaultCountry as CountryCode | undefined,
    extract: false,
  });
  if (!parsed?.isValid()) throw refusal("not_a_number");
  if (parsed.ext !== undefined) throw refusal("extension");
  if (policy.callingCodes.length > 0 && !policy.callingCodes.includes(parsed.countryCallingCode)) {
    throw refusal("calling_code");
  }
  if (!isReachable(parsed, policy)) throw refusal("type");
  return { number: parsed.number, country: parsed.country ?? `+${parsed.countryCallingCode}` };
}

function isReachable(parsed: PhoneNumber, { allowVoip }: PhonePolicy): boolean {
  const type = parsed.getType();
  // Non-geographic numbers are of satellites and of services abroad: dear, and nobody's phone.
  if (type === undefined || parsed.country === undefined || REFUSED_TYPES.has(type)) return false;
  return allowVoip || type !== "VOIP";
}

function refusal(reason: Reason): AppError {
  return new AppError("otp_unsupported_number", MESSAGES[reason], { details: { reason } });
}

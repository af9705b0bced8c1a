import type { CountryCode, PhoneNumber } from "libphonenumber-js/max";

import { AppError } from "../_shared/platform/errors.ts";
import { withAsciiDigits } from "./digits.ts";
import { oldFormOf } from "./old_forms.ts";
import { readTelUri } from "./tel_uri.ts";

export interface PhonePolicy {
  /** Calling codes of the countries that get messages. Empty: all countries. */
  callingCodes: string[];
  /** The country of numbers without a calling code. */
  defaultCountry?: string;
  allowVoip: boolean;
}

/** A phone in the canonical form, which is the key everywhere. */
export interface Phone {
  /** E.164, with the plus sign. */
  number: string;
  /** The ISO code; for a number without a country, the calling code with its plus sign. */
  country: string;
}

/** Number types of libphonenumber that cannot get a message, or at a high price. */
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

type Reason = "not_a_number" | "extension" | "calling_code" | "type" | "old_form";

const MESSAGES: Record<Reason, string> = {
  not_a_number: "phone: Expected a complete phone number with its calling code: +33 6 12 34 56 78",
  extension: "phone: Expected a number without an extension",
  calling_code: "Numbers of this country get no codes",
  type: "Numbers of this type get no codes; use a mobile number",
  old_form: "phone: numbers of this country have a new format",
};

/** Normalizes a number, however it is written. Throws `otp_unsupported_number` with a reason. */
export async function phoneOf(text: string, policy: PhonePolicy): Promise<Phone> {
  // Only the full metadata knows a number's type: 156 KB, so it is loaded at the first number.
  const { parsePhoneNumberFromString } = await import("libphonenumber-js/max");
  const parse = (spelled: string) =>
    parsePhoneNumberFromString(spelled, {
      defaultCountry: policy.defaultCountry as CountryCode | undefined,
      extract: false,
    });

  const ascii = withAsciiDigits(text.trim()).replace(/^＋/, "+");
  const uri = readTelUri(ascii);
  if (uri?.hasExtension) throw refusal("extension");
  const spelled = uri?.number.trim() ?? ascii;
  const given = parse(policy.defaultCountry === undefined ? spelled.replace(/^00/, "+") : spelled);
  if (given === undefined) throw refusal("not_a_number");
  if (given.ext !== undefined) throw refusal("extension");

  const { countryCallingCode, nationalNumber } = given;
  const isMobile = given.isValid() && isReachable(given, policy);
  const oldForm = isMobile ? undefined : oldFormOf(countryCallingCode, nationalNumber);
  const renewed = oldForm?.renew(nationalNumber);
  const parsed = renewed === undefined ? given : parse(`+${countryCallingCode}${renewed}`);
  if (!parsed?.isValid()) throw oldForm ? refusal("old_form", oldForm.form) : refusal("not_a_number");
  if (policy.callingCodes.length > 0 && !policy.callingCodes.includes(countryCallingCode)) {
    throw refusal("calling_code");
  }
  if (!isReachable(parsed, policy)) throw refusal("type", oldForm?.form);
  return { number: parsed.number, country: parsed.country ?? `+${countryCallingCode}` };
}

function isReachable(parsed: PhoneNumber, { allowVoip }: PhonePolicy): boolean {
  const type = parsed.getType();
  // Non-geographic numbers belong to satellites and international services: expensive, and nobody's phone.
  if (type === undefined || parsed.country === undefined || REFUSED_TYPES.has(type)) return false;
  return allowVoip || type !== "VOIP";
}

/** `form`: the format of that country's mobile numbers. */
function refusal(reason: Reason, form?: string): AppError {
  const message = form === undefined ? MESSAGES[reason] : `${MESSAGES[reason]}; mobile numbers are ${form}`;
  return new AppError("otp_unsupported_number", message, { details: { reason, form } });
}

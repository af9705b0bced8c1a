/** A country's current number format, where many numbers are still written in the old one. */
export interface OldForm {
  /** Matches a number, without its calling code, in the old format. */
  isOld: RegExp;
  /** The same number in the current format; undefined if that is ambiguous. */
  renew(national: string): string | undefined;
  /** The current format, in words. */
  form: string;
}

/** By calling code. */
const OLD_FORMS: Record<string, OldForm> = {
  // Benin, on 2024-11-30: 01 before all numbers.
  229: {
    isOld: /^\d{8}$/,
    renew: (national) => `01${national}`,
    form: "+229 01 and the eight old digits",
  },
  // Mexico, on 2019-08-03: no 1 after the calling code, no 044 and 045.
  52: {
    isOld: /^(?:1|044|045)\d{10}$/,
    renew: (national) => national.slice(-10),
    form: "+52 and ten digits, without a 1 between them",
  },
  // Ivory Coast, on 2021-01-31: the operator's two digits before all numbers; mobile numbers had theirs at the second place.
  225: {
    isOld: /^\d{8}$/,
    renew(national) {
      const digit = /^(?:0(?=[1-9])|[4578])(\d)/.exec(national)?.[1];
      if (digit === undefined) return undefined;
      const operator = digit < "4" ? "01" : digit < "7" ? "05" : "07";
      return operator + national;
    },
    form: "+225, the operator's 01, 05 or 07, and the eight old digits",
  },
  // Brazil, by 2016: 9 before mobile numbers. Numbers with a 7 belong to trunked radio phones, which are valid with
  // and without it.
  55: {
    isOld: /^\d{2}[689]\d{7}$/,
    renew: (national) => `${national.slice(0, 2)}9${national.slice(2)}`,
    form: "+55, the area code, 9 and the eight old digits",
  },
  // Argentina: from abroad, mobile numbers have a 9 before the area code instead of the 15 after it. Without either,
  // a landline's number looks the same.
  54: {
    isOld: /^(?:\d{10}|9\d{12})$/,
    renew: (national) => national.length === 13 ? national.slice(1) : undefined,
    form: "+54 9, the area code and the number, without 0 and 15",
  },
};

/**
 * Checks a number that is not a valid mobile number for an old format; undefined if its country has no old format.
 */
export function oldFormOf(callingCode: string, national: string): OldForm | undefined {
  const known = OLD_FORMS[callingCode];
  return known?.isOld.test(national) ? known : undefined;
}

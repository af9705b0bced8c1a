/** How a country's numbers are written now, where many are still written as before. */
export interface OldForm {
  /** The number without its calling code is in the form that was left. */
  isOld: RegExp;
  /** The same number in the form of now; undefined where it is not certain which it is. */
  renew(national: string): string | undefined;
  /** What the form of now is, for people. */
  form: string;
}

/** By calling code. */
const OLD_FORMS: Record<string, OldForm> = {
  // Benin, on 2024-11-30: 01 before all numbers.
  229: {
    isOld: /^\d{8}$/,
    renew: (national) => `01${national}`,
    form: "+229 01 and the eight digits of before",
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
    form: "+225, the operator's 01, 05 or 07, and the eight digits of before",
  },
  // Brazil, by 2016: 9 before mobile numbers. Those with a 7 are of radio phones, which are good with and without it.
  55: {
    isOld: /^\d{2}[689]\d{7}$/,
    renew: (national) => `${national.slice(0, 2)}9${national.slice(2)}`,
    form: "+55, the area code, 9 and the eight digits of before",
  },
  // Argentina: mobile numbers have a 9 before the area code when they are called from abroad, in place of the 15 behind it.
  // Without either, a landline's number looks the same.
  54: {
    isOld: /^(?:\d{10}|9\d{12})$/,
    renew: (national) => national.length === 13 ? national.slice(1) : undefined,
    form: "+54 9, the area code and the number, without 0 and 15",
  },
};

/** What is known of a number that is no mobile number as it stands; undefined where its country left no form. */
export function oldFormOf(callingCode: string, national: string): OldForm | undefined {
  const known = OLD_FORMS[callingCode];
  return known?.isOld.test(national) ? known : undefined;
}

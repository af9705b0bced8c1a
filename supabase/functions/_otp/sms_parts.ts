const LETTERS = /^[\n\r @£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ!"#¤%&'()*+,\-./0-9:;<=>?¡A-ZÄÖÑÜ§¿a-zäöñüà]$/;
/** Characters of the extension table count as two. */
const EXTENDED_LETTERS = /^[\f^{}\\[\]~|€]$/;

/** The capacity of a single SMS, and of one part of several, which needs room for its number. */
const GSM_7 = { alone: 160, of_several: 153 };
const UCS_2 = { alone: 70, of_several: 67 };

/** Whether a text fits the alphabet of GSM 03.38; otherwise each character takes two bytes (UCS-2). */
export function isGsm7(text: string): boolean {
  return [...text].every((letter) => LETTERS.test(letter) || EXTENDED_LETTERS.test(letter));
}

/** How many SMS a text takes and costs. */
export function smsPartsOf(text: string): number {
  const isPlain = isGsm7(text);
  const sizes = [...text].map((letter) => isPlain ? (EXTENDED_LETTERS.test(letter) ? 2 : 1) : letter.length);
  const { alone, of_several } = isPlain ? GSM_7 : UCS_2;
  if (sizes.reduce((sum, size) => sum + size, 0) <= alone) return 1;
  // A character is never split between two parts.
  let parts = 1;
  let used = 0;
  for (const size of sizes) {
    if (used + size > of_several) {
      parts++;
      used = 0;
    }
    used += size;
  }
  return parts;
}

const DIGIT = /\p{Nd}/u;

/** Whether a character is a decimal digit of any script. */
export function isDigit(character: string): boolean {
  return DIGIT.test(character);
}

/** A text with the digits of any script as ASCII's: `٠6１` is `061`. */
export function withAsciiDigits(text: string): string {
  return text.replaceAll(/\p{Nd}/gu, valueOf);
}

/** In Unicode the digits of each script are consecutive, starting at zero. */
function valueOf(digit: string): string {
  const codePoint = digit.codePointAt(0)!;
  let count = 0;
  while (DIGIT.test(String.fromCodePoint(codePoint - count - 1))) count++;
  return String(count % 10);
}

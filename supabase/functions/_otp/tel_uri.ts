const SCHEME = /^tel:/i;

/** What a `tel:` URI names. */
export interface TelNumber {
  /** The number, with the calling code where the URI tells it. */
  number: string;
  hasExtension: boolean;
}

/** A `tel:` URI as RFC 3966 has it; undefined for any other text, and for one that cannot be read. */
export function readTelUri(text: string): TelNumber | undefined {
  if (!SCHEME.test(text)) return undefined;
  const [number = "", ...parameters] = text.replace(SCHEME, "").split(";").map(decoded);
  const valueOf = (name: string) =>
    parameters.find((one) => one.toLowerCase().startsWith(`${name}=`))?.slice(name.length + 1) ?? "";
  const context = valueOf("phone-context");
  // A context that is a domain tells a company's own numbers apart: it says nothing of the country.
  const isLocal = !number.trim().startsWith("+") && context.startsWith("+");
  return {
    number: isLocal ? context + number : number,
    hasExtension: valueOf("ext") !== "" || valueOf("isub") !== "",
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const SCHEME = /^tel:/i;

/** The content of a `tel:` URI. */
export interface TelNumber {
  /** The number, with the calling code if the URI has it. */
  number: string;
  hasExtension: boolean;
}

/** Parses a `tel:` URI (RFC 3966); undefined for any other or invalid text. */
export function readTelUri(text: string): TelNumber | undefined {
  if (!SCHEME.test(text)) return undefined;
  const [number = "", ...parameters] = text.replace(SCHEME, "").split(";").map(decoded);
  const valueOf = (name: string) =>
    parameters.find((one) => one.toLowerCase().startsWith(`${name}=`))?.slice(name.length + 1) ?? "";
  const context = valueOf("phone-context");
  // A context that is a domain is for a company's internal numbers and gives no country.
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

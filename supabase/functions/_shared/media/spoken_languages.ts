/** The languages that Whisper knows; it reports their English names. */
const CODES =
  ("af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he hi hr ht hu hy id is it " +
    "ja jv ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn no oc pa pl ps pt ro ru sa sd si sk sl sn " +
    "so sq sr su sv sw ta te tg th tk tl tr tt uk ur uz vi yi yo yue zh").split(" ");

/** Codes that phones and older systems use for some of them. */
const ALIASES: Record<string, string> = {
  nb: "no",
  iw: "he",
  in: "id",
  ji: "yi",
  jw: "jv",
  fil: "tl",
  cmn: "zh",
  mo: "ro",
};

/** A model's code for a language tag such as `nb` or `pt-BR`; undefined for an unknown language. */
export function hintOf(tag: string): string | undefined {
  const [primary = ""] = tag.toLowerCase().split(/[-_]/);
  const code = ALIASES[primary] ?? primary;
  return CODES.includes(code) ? code : undefined;
}

let codesByName: Map<string, string> | undefined;

/** The code of a language that a provider reports by name or code; null if unknown. */
export function spokenLanguageOf(reported: unknown): string | null {
  if (typeof reported !== "string") return null;
  codesByName ??= namedLanguages();
  return codesByName.get(reported.toLowerCase()) ?? hintOf(reported) ?? null;
}

function namedLanguages(): Map<string, string> {
  const names = new Intl.DisplayNames("en", { type: "language" });
  return new Map(CODES.map((code) => [names.of(code)!.toLowerCase(), code]));
}

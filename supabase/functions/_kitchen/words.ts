/** Words and phrases that mean one thing; `*` at an end of a word stands for any letters, as in compounds. */
export interface Vocabulary {
  words: string[];
  /** Phrases that contain such a word and mean something else: "coconut milk" is no milk. */
  except?: string[];
  /** Words for the whole group: before "free" they clear the words after it, so that egg-free mayonnaise is no egg. */
  group?: string[];
}

/** Finds the first word of a vocabulary in a text, as the text's folded words; undefined when there is none. */
export type Matcher = (text: string) => string | undefined;

/** Where a phrase ends. */
const BREAKS = /[,;:.()[\]/\n+&!?"|、。・]/g;
const LETTERS: Record<string, string> = { ß: "ss", œ: "oe", æ: "ae", ø: "o", ł: "l", đ: "d", ı: "i" };
const IRREGULAR: Record<string, string> = {
  leaves: "leaf",
  loaves: "loaf",
  halves: "half",
  geese: "goose",
  molasses: "molasses",
};

/**
 * Text as matchers read it: lower case, without accents, English words in the singular, a space around each word and
 * " | " where a phrase ends. Other languages lose their final s in the same way, in the vocabulary as in the text.
 */
export function foldText(text: string): string {
  // Soft hyphens and characters of no width stand inside of words, and part none.
  const words = text.normalize("NFKD").replace(/[\p{M}\p{Cf}]/gu, "").toLowerCase()
    .replace(/[ßœæøłđı]/g, (letter) => LETTERS[letter]!)
    .replace(BREAKS, " | ")
    .replace(/[^\p{L}\p{N}|]+/gu, " ")
    .split(" ");
  return ` ${words.filter((word) => word !== "").map(singular).join(" ")} `;
}

function singular(word: string): string {
  if (word in IRREGULAR) return IRREGULAR[word]!;
  if (word.length < 4 || /(?:ss|us|(?<![wnlh])is)$/.test(word)) return word;
  if (word.length > 4 && /ies?$/.test(word)) return word.replace(/ies?$/, "y");
  if (/(?:o|ch|sh|x|ss|zz)es$/.test(word)) return word.slice(0, -2);
  return word.endsWith("s") ? word.slice(0, -1) : word;
}

const WITHOUT = ["without", "no", "non", "sans", "ohne", "sin", "senza", "sem", "zonder"].join("|");
/** Not as in "eggs free range". */
const FREE = "free(?! (?:range|run|roaming|trade))";
/** Words that end what "free" speaks of. */
const AND = ["and", "with", "plus", "in", "on", "et", "avec", "und", "mit", "y", "e", "con", "com"].join("|");
const OR = ["or", "nor", "ou", "oder", "o"].join("|");

/** Compiles a vocabulary. "Peanut-free bread" and "without peanuts" do not count as peanuts. */
export function matcherOf({ words, except = [], group = [] }: Vocabulary): Matcher {
  const any = alternatives(words);
  const found = new RegExp(`(?<= )(?:${any})(?= )`);
  const innocent = [
    ...except.length > 0 ? [alternatives(except)] : [],
    `(?:${alternatives(group)}) ${FREE}(?: (?!(?:${AND}) )[^ |]+){0,2}`,
    `(?:${any}) ${FREE}`,
    `(?:${WITHOUT}) (?:[^ |]+ (?:${OR}) )?(?:${any})`,
  ].map((pattern) => new RegExp(`(?<= )(?:${pattern})(?= )`, "g"));
  return (text) =>
    innocent.reduce((rest, pattern) => rest.replace(pattern, "|"), foldText(text)).match(found)?.[0];
}

/** A matcher for what a user wrote; scripts without spaces between words are searched for it anywhere. */
export function matcherOfPhrase(phrase: string): Matcher {
  const isUnspaced =
    /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}]/u;
  const parts = phrase.normalize("NFKD").split(BREAKS).map((part) => part.trim());
  return matcherOf({ words: parts.map((part) => isUnspaced.test(part) ? `*${part}*` : part) });
}

/** The phrases of a text that has a comma between them. */
export function list(text: string): string[] {
  return text.split(",").map((phrase) => phrase.trim().replace(/\s+/g, " "));
}

/** Every first word before every second one: "oat milk", "oat cream", "rice milk", … */
export function pairs(first: string[], second: string[]): string[] {
  return first.flatMap((one) => second.map((other) => `${one} ${other}`));
}

/** A pattern for any of the phrases, the longer ones first. */
function alternatives(phrases: string[]): string {
  const patterns = phrases.map((phrase) =>
    phrase.split(" ").map((word) => {
      const [, before, core, after] = /^(\*?)(.*?)(\*?)$/s.exec(word)!;
      const rest = "[^ |]*";
      return `${before && rest}${foldText(core!).trim()}${after && rest}`;
    }).filter((word) => word !== "").join(" ")
  ).filter((pattern) => /[\p{L}\p{N}]/u.test(pattern.replaceAll("[^ |]*", "")));
  if (patterns.length === 0) return "(?!)";
  return patterns.toSorted((one, other) => other.length - one.length).join("|");
}

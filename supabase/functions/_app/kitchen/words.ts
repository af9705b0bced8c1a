/** Words and phrases for one thing; `*` at an end of a word matches any letters, as in compounds. */
export interface Vocabulary {
  words: string[];
  /**
   * Phrases that contain such a word and mean something else: "coconut milk" is not milk. Letters matched by `*` are
   * not skipped.
   */
  except?: string[];
  /**
   * Words for the whole group: before "free", or joined with "frei", "los" or "vrij", they exempt the words after it,
   * so that egg-free mayonnaise does not count as egg.
   */
  group?: string[];
}

/** Finds the first word of a vocabulary in a text, and returns it folded; undefined if there is none. */
export type Matcher = (text: string) => string | undefined;

/** The end of a phrase. */
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
 * A text as matchers read it: lower case, without accents, English words in the singular, a space around each word
 * and " | " at the end of each phrase. Words of other languages lose their final s too, in the vocabulary as well as
 * in the text.
 */
export function foldText(text: string): string {
  return ` ${wordsOf(text).map(singular).join(" ")} `;
}

/** Whether a text has only letters that vocabularies cover, and no word with too many possible boundaries. */
export function isReadable(text: string): boolean {
  return wordsOf(text).every((word) => !/[^a-z\p{N}|]/u.test(word)) && maxJoints(text) <= MAX_JOINTS;
}

function wordsOf(text: string): string[] {
  return text.normalize("NFKD").replace(/[\p{M}\p{Cf}]/gu, "").toLowerCase()
    .replace(/[ßœæøłđı]/g, (letter) => LETTERS[letter]!)
    .replace(BREAKS, " | ")
    .replace(/[^\p{L}\p{N}|]+/gu, " ")
    .split(" ").filter((word) => word !== "");
}

function singular(word: string): string {
  if (word in IRREGULAR) return IRREGULAR[word]!;
  if (word.length < 4 || /(?:ss|us|(?<![wnlh])is)$/.test(word)) return word;
  if (word.length > 4 && /ies?$/.test(word)) return word.replace(/ies?$/, "y");
  if (/(?:o|ch|sh|x|ss|zz)es$/.test(word)) return word.slice(0, -2);
  return word.endsWith("s") ? word.slice(0, -1) : word;
}

const [START, REST, END] = ["(?<=[ |])", "[^ |]*", "(?=[ |])"];
/** Not in Portuguese, where "no leite" means "in milk". */
const NO = "no(?! (?:leite|queijo|iogurte|creme|ovo|pao|trigo|peixe|camarao|vinho|amendoim|aipo|molho) )";
const WITHOUT = ["without", NO, "non", "sans", "ohne", "sin", "senza", "sem", "zonder"].join("|");
/** Not in "eggs free range". */
const FREE = "free(?! (?:range|run|roaming|trade))";
/** Words at which the effect of "free" ends. */
const AND = ["and", "with", "plus", "in", "on", "et", "avec", "und", "mit", "y", "e", "con", "com"].join("|");
const OR = ["or", "nor", "ou", "oder", "o"].join("|");

/** Compiles a vocabulary. "Peanut-free bread" and "without peanuts" do not count as peanuts. */
export function matcherOf({ words, except = [], group = [] }: Vocabulary): Matcher {
  const any = alternatives(words, REST);
  // Without the letters matched by `*`: the result is the whole word around the match.
  const found = new RegExp(alternatives(words, ""));
  const groups = alternatives(group, REST);
  const joinedGroups = alternatives(group.map((word) => `${word}*`), "");
  const innocent = [
    alternatives(except, ""),
    `${START}(?:${groups}) ${FREE}(?: (?!(?:${AND}) )[^ |]+){0,2}${END}`,
    `${START}(?:${joinedGroups})(?:free|frei|frey|vrij|los)e?[mnrs]?(?: (?!(?:${AND}) )[^ |]+){0,2}${END}`,
    `${START}(?:${any}) ${FREE}${END}`,
    `${START}(?:${WITHOUT}) (?:[^ |]+ (?:${OR}) )?(?:${any})${END}`,
  ].map((pattern) => new RegExp(pattern, "g"));
  return (text) => {
    for (const reading of readingsOf(text)) {
      const word = find(foldText(reading));
      if (word !== undefined) return word;
    }
    return undefined;
  };

  function find(folded: string): string | undefined {
    // Replaced by as many characters, so that positions still lead to the whole word.
    const rest = innocent.reduce(
      (left, pattern) => left.replace(pattern, (passed) => "|".repeat(passed.length)),
      folded,
    );
    const match = found.exec(rest);
    if (match === null) return undefined;
    const end = match.index + match[0].length;
    return folded.slice(folded.lastIndexOf(" ", match.index) + 1, folded.indexOf(" ", end));
  }
}

/**
 * An invisible character, or a hyphen before white space, as at the end of a line: it may be inside a word
 * (pea-\nnut) or between two words, and only a reader of the whole text would know.
 */
const JOINT = /(?:[-\u2010\u2011\u00ad]\s+|\p{Cf}|(?!\s)\p{Cc})+/u;
/**
 * Only from the beginning of its first word; otherwise a long word would be searched again from each of its letters.
 */
const RUN = new RegExp(
  `(?<![\\p{L}\\p{M}\\p{N}])[\\p{L}\\p{M}\\p{N}]+(?:${JOINT.source}[\\p{L}\\p{M}\\p{N}]+)+`,
  "gu",
);
/** The most joints of one run that are read in every way; a text with more is not readable. */
const MAX_JOINTS = 5;

/** All ways to read a text's joints, where each run is varied separately: as many ways as the longest run needs. */
function readingsOf(text: string): string[] {
  const most = maxJoints(text);
  if (most === 0) return [text];
  const count = 2 ** Math.min(most, MAX_JOINTS);
  return Array.from(
    { length: count },
    (_, reading) =>
      text.replace(RUN, (run) =>
        run.split(JOINT).reduce((whole, part, at) => {
          // Joints beyond the limit are read like the last one within it.
          const joint = Math.min(at, MAX_JOINTS) - 1;
          return `${whole}${(reading >> joint & 1) === 1 ? " " : ""}${part}`;
        })),
  );
}

/** The number of joints in the longest run. */
function maxJoints(text: string): number {
  return (text.match(RUN) ?? []).reduce((most, run) => Math.max(most, run.split(JOINT).length - 1), 0);
}

/**
 * A word that is long enough to find compounds that begin with it; its last e may be missing there: Erdbeerkuchen.
 */
const BEGINNING = /^(\p{L}{5,}?)e?$/u;

/** A matcher for a user's words, also at the beginning of a word. In scripts without spaces it matches anywhere. */
export function matcherOfPhrase(phrase: string): Matcher {
  const isUnspaced =
    /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}]/u;
  const parts = phrase.normalize("NFKD").replaceAll("*", " ").split(BREAKS).map((part) => part.trim());
  return matcherOf({
    words: parts.flatMap((part) => {
      if (isUnspaced.test(part)) return [`*${part}*`];
      const beginning = BEGINNING.exec(foldText(part).trim())?.[1];
      return beginning === undefined ? [part] : [part, `${beginning}*`];
    }),
  });
}

/** Splits a comma-separated text into its phrases. */
export function list(text: string): string[] {
  return text.split(",").map((phrase) => phrase.trim().replace(/\s+/g, " "));
}

/** All combinations of a first and a second word: "oat milk", "oat cream", "rice milk", … */
export function pairs(first: string[], second: string[]): string[] {
  return first.flatMap((one) => second.map((other) => `${one} ${other}`));
}

/** All combinations of a first and a second part, at the beginning of a word: "kokosmilch*". */
export function joined(first: string[], second: string[]): string[] {
  return first.flatMap((one) => second.map((other) => `${one}${other}*`));
}

/** A pattern for any of the phrases, longest first; `rest` replaces each `*`. */
function alternatives(phrases: string[], rest: string): string {
  const patterns = phrases.map((phrase) => {
    const words = phrase.split(" ").filter((word) => /[\p{L}\p{N}]/u.test(word));
    return words.map((word, at) => {
      const [, before, core, after] = /^(\*?)(.*?)(\*?)$/s.exec(word)!;
      const [start, end] = [at === 0 ? START : "", at === words.length - 1 ? END : ""];
      const whole = foldText(core!).trim();
      const begun = wordsOf(core!).join(" ");
      // A word that continues is not in the singular: Selleriesalat, though Sellerie reads like English "sellery".
      const letters = after && begun !== whole
        ? `(?:${begun}${rest}|${whole}${END})`
        : `${whole}${after && rest}`;
      return `${before ? rest : start}${letters}${after ? "" : end}`;
    }).join(" ");
  }).filter((pattern) => pattern !== "");
  if (patterns.length === 0) return "(?!)";
  return patterns.toSorted((one, other) => other.length - one.length).join("|");
}

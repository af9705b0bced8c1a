import { COMPOUNDS } from "./compounds.ts";
import { VOCABULARIES } from "./vocabularies.ts";
import { isReadable, type Matcher, matcherOf, matcherOfPhrase, type Vocabulary } from "./words.ts";

/** The 14 of Annex II of Regulation (EU) No 1169/2011. https://eur-lex.europa.eu/eli/reg/2011/1169/oj */
export const ALLERGENS = [
  "gluten",
  "crustaceans",
  "eggs",
  "fish",
  "peanuts",
  "soybeans",
  "milk",
  "nuts",
  "celery",
  "mustard",
  "sesame",
  "sulphites",
  "lupin",
  "molluscs",
] as const;

export type Allergen = typeof ALLERGENS[number];

const MATCHERS = Object.fromEntries(
  ALLERGENS.map((allergen) => {
    const words: Vocabulary = VOCABULARIES[allergen];
    const parts: Vocabulary = COMPOUNDS[allergen];
    return [
      allergen,
      matcherOf({
        words: [...words.words, ...parts.words],
        except: [...words.except ?? [], ...parts.except ?? []],
        group: [...words.group ?? [], ...parts.group ?? []],
      }),
    ];
  }),
) as Record<Allergen, Matcher>;

/** The allergens that the name of a food or dish mentions or implies, in the order of Annex II. */
export function allergensIn(text: string): Allergen[] {
  return ALLERGENS.filter((allergen) => MATCHERS[allergen](text) !== undefined);
}

/** Languages whose vocabularies are complete enough to say that an allergen is absent. */
const CHECKED_LANGUAGES = ["en", "fr", "de", "es", "it", "pt", "nl"];

/** Whether an answer in this language (BCP 47) can be checked for allergens. */
export function isCheckedLanguage(locale: string): boolean {
  return CHECKED_LANGUAGES.includes(new Intl.Locale(locale).language);
}

/** Whether a text is written in a script that the vocabularies cover. */
export function isCheckedScript(text: string): boolean {
  return isReadable(text);
}

/** The error message for any other language. */
export const UNCHECKED_LANGUAGE =
  "Allergies can only be checked in answers in English, French, German, Spanish, Italian, Portuguese and Dutch";

/** Words around the name of the allergen, as in "allergic to nuts". */
const ABOUT_ALLERGIES = /\b(?:allerg\w*|intoleran\w*|to)\b/gi;

/** The allergies that name none of the 14: these can be searched for only as they are written. */
export function allergiesAsWritten(allergies: string[]): string[] {
  return allergies.filter((allergy) => allergensIn(allergy).length === 0);
}

/**
 * Reads allergies as users write them. A word for one of the 14 in any known language stands for all words of that
 * allergen: "cacahuètes" finds satay. Anything else is searched for as it is written, and at the beginning of long
 * words: "Erdbeere" finds Erdbeerkuchen.
 */
export function allergyMatcher(
  allergies: string[],
): (text: string) => { allergy: string; word: string } | undefined {
  const matchers = allergies.flatMap((allergy): [string, Matcher][] => {
    const known = allergensIn(allergy).map((allergen) => MATCHERS[allergen]);
    const phrase = matcherOfPhrase(allergy.replace(ABOUT_ALLERGIES, " ").trim() || allergy);
    return (known.length > 0 ? known : [phrase]).map((matcher) => [allergy, matcher]);
  });
  return (text) => {
    for (const [allergy, matcher] of matchers) {
      const word = matcher(text);
      if (word !== undefined) return { allergy, word };
    }
    return undefined;
  };
}

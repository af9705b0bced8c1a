import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { z } from "zod";

import recipeDetailGenerator from "../../../supabase/functions/recipe-detail-generator/index.ts";
import recipeGenerator from "../../../supabase/functions/recipe-generator/index.ts";
import { foodRules } from "../../../supabase/functions/_app/kitchen/menu.ts";
import { Allergy, checkLanguage } from "../../../supabase/functions/_app/kitchen/stock.ts";
import { Locale } from "../../../supabase/functions/_shared/media/inputs.ts";
import {
  ALLERGENS,
  allergensIn,
  allergiesAsWritten,
  allergyMatcher,
} from "../../../supabase/functions/_app/kitchen/allergens.ts";

describe("allergensIn", () => {
  it.each([
    ["peanut butter", ["peanuts"]],
    ["Peanut Butter and almonds", ["peanuts", "nuts"]],
    ["coconut milk", []],
    ["oat milk", ["gluten"]],
    ["almond milk", ["nuts"]],
    ["soya milk", ["soybeans"]],
    ["nutmeg", []],
    ["coconut", []],
    ["butternut squash", []],
    ["doughnut peach", []],
    ["water chestnuts", []],
    ["eggplant", []],
    ["buckwheat noodles", []],
    ["corn tortillas", []],
    ["rice flour", []],
    ["plain flour", ["gluten"]],
    ["oyster mushrooms", []],
    ["oyster sauce", ["molluscs"]],
    ["cocoa butter", []],
    ["butter beans", []],
    ["butter lettuce", []],
    ["cream of tartar", []],
    ["vegan butter", []],
    ["oat latte", ["gluten"]],
    ["coconut milk with butter", ["milk"]],
    ["oat milk, butter", ["gluten", "milk"]],
    ["Spinach omelette", ["eggs"]],
    ["grilled salmon", ["fish"]],
    ["shrimps", ["crustaceans"]],
    ["miso soup", ["soybeans"]],
    ["celery sticks", ["celery"]],
    ["Dijon mustard", ["mustard"]],
    ["hummus", ["sesame"]],
    ["dried apricots", ["sulphites"]],
    ["lupin flour", ["gluten", "lupin"]],
    ["soy sauce", ["gluten", "soybeans"]],
    ["tamari", ["soybeans"]],
    ["satay chicken", ["peanuts"]],
    ["cherries and anchovies", ["fish"]],
    ["lactose-free milk", ["milk"]],
    ["dairy-free cream", []],
    ["egg-free mayonnaise", []],
    ["eggs free range", ["eggs"]],
    ["gluten-free sourdough bread", []],
    ["gluten-free bread with barley", ["gluten"]],
    ["wheat-free rye bread", ["gluten"]],
    ["root beer", []],
    ["gluten-free bread", []],
    ["gluten-free bread, wheat pasta", ["gluten"]],
    ["peanut-free granola", ["gluten"]],
    ["cake without nuts or eggs", ["gluten"]],
    ["lentils, rice, spinach, tomatoes, olive oil", []],
  ])("of %j are %j", (text, allergens) => {
    expect(allergensIn(text)).toEqual(allergens);
  });

  it.each([
    ["beurre de cacahuète", ["peanuts"]],
    ["lait de coco", []],
    ["lait d'avoine", ["gluten"]],
    ["crème fraîche", ["milk"]],
    ["noix de muscade", []],
    ["pâtes", ["gluten"]],
    ["pain sans gluten", []],
    ["Vollkornbrot", ["gluten"]],
    ["glutenfreie Nudeln", []],
    ["Buchweizenmehl", []],
    ["farine de sarrasin", []],
    ["Hühnerei", ["eggs"]],
    ["noix de coco râpée", []],
    ["noix de Saint-Jacques", ["molluscs"]],
    ["œufs brouillés", ["eggs"]],
    ["Erdnussbutter", ["peanuts"]],
    ["Kokosmilch", []],
    ["Vollmilch", ["milk"]],
    ["Haselnüsse", ["nuts"]],
    ["Muskatnuss", []],
    ["Frischkäse", ["milk"]],
    ["Tintenfisch", ["molluscs"]],
    ["Weizenmehl", ["gluten"]],
    ["leche de coco", []],
    ["huevos", ["eggs"]],
    ["camarones", ["crustaceans"]],
    ["latte di mandorla", ["nuts"]],
    ["gamberi", ["crustaceans"]],
    ["leite de coco", []],
    ["amendoim", ["peanuts"]],
    ["pindakaas", ["peanuts"]],
    ["ピーナッツバター", ["peanuts", "milk"]],
    ["牛乳", ["milk"]],
    ["小麦粉", ["gluten"]],
  ])("are found in other languages: of %j they are %j", (text, allergens) => {
    expect(allergensIn(text)).toEqual(allergens);
  });

  it("are found by their own names, which are the 14 of the regulation", () => {
    expect(ALLERGENS).toHaveLength(14);
    for (const allergen of ALLERGENS) expect(allergensIn(allergen)).toContain(allergen);
  });

  it("are found wherever the words stand in a text, in any case", () => {
    const innocent = fc.constantFrom("quinoa", "with", "fresh", "lemon,", "(chopped)", "and", "2");
    const around = fc.array(innocent, { maxLength: 5 }).map((words) => words.join(" "));
    fc.assert(fc.property(around, fc.constantFrom(...ALLERGENS), around, (before, allergen, after) => {
      expect(allergensIn(`${before} ${allergen.toUpperCase()} ${after}`)).toEqual([allergen]);
    }));
  });

  it("of any text are a part of the 14, without a failure", () => {
    fc.assert(fc.property(fc.string({ unit: "grapheme" }), (text) => {
      for (const allergen of allergensIn(text)) expect(ALLERGENS).toContain(allergen);
    }));
  });
});

describe("allergyMatcher", () => {
  it.each([
    [["cacahuètes"], "chicken satay", "cacahuètes"],
    [["tree nuts"], "walnut bread", "tree nuts"],
    [["lactose"], "cheddar", "lactose"],
    [["kiwi/mango"], "mango ice", "kiwi/mango"],
    [["kiwi"], "Kiwis with honey", "kiwi"],
    [["そば"], "ざるそば定食", "そば"],
    [["almond"], "almonds", "almond"],
    [["seafood", "eggs"], "omelette", "eggs"],
    [["seafood"], "fried squid", "seafood"],
    [["allergic to kiwi"], "kiwi", "allergic to kiwi"],
    [["Erdbeere"], "Erdbeerkuchen", "Erdbeere"],
    [["aardbei"], "aardbeienjam", "aardbei"],
    [["strawberry"], "Strawberries", "strawberry"],
  ])("with %j finds in %j what belongs to %j", (allergies, text, allergy) => {
    expect(allergyMatcher(allergies)(text)?.allergy).toBe(allergy);
  });

  it.each([
    [["milk"], "coconut milk"],
    [["𝑸🬺Ꟑ㉹ᝢ㈈"], "vegetable stir-fry"],
    [["..."], "rice"],
    [["nuts"], "nutmeg"],
    [["kiwi"], "lemon"],
    [["fig"], "figure"],
    [["apple"], "pineapple"],
    [[], "peanuts"],
  ])(
    "with %j finds nothing in %j",
    (allergies, text) => {
      expect(allergyMatcher(allergies)(text)).toBeUndefined();
    },
  );

  it("finds nothing everywhere, whatever a user wrote", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }).filter((text) => /[\p{L}\p{N}]/u.test(text)), (allergy) => {
        if (allergensIn(allergy).length === 0) expect(allergyMatcher([allergy])("qxqx")).toBeUndefined();
      }),
    );
  });
});

describe("allergiesAsWritten", () => {
  it("are those that are none of the 14, in whichever language the others are told", () => {
    expect(allergiesAsWritten(["strawberry", "cacahuètes", "allergic to milk", "Fischstäbchen", "kiwi"]))
      .toEqual(["strawberry", "kiwi"]);
    expect(allergiesAsWritten([...ALLERGENS])).toEqual([]);
  });
});

describe("a text that the vocabularies cannot read", () => {
  it.each([
    "арахисовая паста",
    "花生酱",
    "γιαούρτι",
    "땅콩 버터",
    "زبدة الفول السوداني",
    "peanut and ピーナッツ",
  ])(
    "is refused to somebody with an allergy: %s",
    (text) => {
      expect(foodRules(["milk"], "none")(text)).toMatch(/cannot be checked/);
      expect(foodRules([], "none")(text)).toBeUndefined();
    },
  );

  it.each(["花生", "арахис"])("is no allergy that could be looked for: %s", (allergy) => {
    expect(Allergy.safeParse(allergy).success).toBe(false);
    expect(Allergy.safeParse("cacahuètes, œufs").success).toBe(true);
  });

  it.each([["pl", false], ["tr-TR", false], ["ja", false], ["fr-CA", true], ["pt-BR", true]])(
    "is asked for in the language %s, which is refused with allergies alone: %s",
    (locale, isChecked) => {
      const Input = z.object({ allergies: z.array(Allergy), locale: Locale }).check(checkLanguage);
      expect(Input.safeParse({ allergies: ["peanuts"], locale }).success).toBe(isChecked);
      expect(Input.safeParse({ allergies: [], locale }).success).toBe(true);
    },
  );
});

describe("characters that nobody sees, and hyphens at a line's end", () => {
  it.each([
    "pea\u00adnut butter",
    "pea\u200bnut butter",
    "pea\u2060nut butter",
    "\ufeffpeanut",
    "pea-\nnut butter",
    "pea\u2010\r\n  nut",
    "pea\u00ad\nnut",
    "pea\u0000nut",
    "pea- nut",
    "rice\u200bpeanut",
    "rice\u200bpea\u200bnut\u200bbread",
    "rice\u200b\u200bpeanut\u0007bread",
    "peanut\u200drice",
    `${"rice\u200b".repeat(9)}peanut`,
    "low-\nfat dip with rice\u200bpea-\nnut",
  ])(
    "hide no allergen: %j",
    (text) => expect(allergensIn(text)).toContain("peanuts"),
  );

  it.each(["gluten-\nfree bread", "gluten\u200bfree bread", "rice\u200bcake", "low-\nfat\u200bvegetables"])(
    "make none: %j",
    (text) =>
      expect(allergensIn(text).filter((allergen) => allergen !== "gluten" || !/cake/.test(text))).toEqual([]),
  );

  it("in such a number that nobody could say what they part, are refused", () => {
    const text = "rice\u200bp\u00ade\u00ada\u00adn\u00adu\u00adt";
    expect(foodRules(["peanuts"], "none")(text)).toMatch(/cannot be checked/);
  });

  it("find what is found without them, wherever they stand", () => {
    const foods = fc.constantFrom(
      "walnut",
      "almond",
      "Brotwürfel",
      "salmon",
      "mozzarella",
      "celery",
      "squid",
    );
    const joint = fc.constantFrom("\u200b", "\u00ad", "-\n", "\u2060\u200b", "\u0001");
    fc.assert(fc.property(foods, joint, joint, fc.nat(), (food, inside, between, place) => {
      const at = 1 + place % (food.length - 1);
      const text = `rice${between}${food.slice(0, at)}${inside}${food.slice(at)}${between}rice`;
      expect(allergensIn(text)).toEqual(expect.arrayContaining(allergensIn(food)));
    }));
  });

  it.each(["pe\u0251nut", "\u1d18\u1d07\u1d00\u0274\u1d1c\u1d1b", "pe\u0430nut"])(
    "letters that only look like ours are refused: %j",
    (text) => expect(foodRules(["peanuts"], "none")(text)).toMatch(/cannot be checked/),
  );
});

describe("spellings of German", () => {
  it.each([
    ["Käsespätzle", ["gluten", "eggs", "milk"]],
    ["Kaesespaetzle", ["gluten", "eggs", "milk"]],
    ["Erdnuesse", ["peanuts"]],
    ["Walnuesse", ["nuts"]],
    ["Ziegenkaese", ["milk"]],
    ["Meeresfruechte", ["crustaceans", "fish", "molluscs"]],
  ])("with and without umlauts, and compounds: %s", (text, allergens) => {
    expect(allergensIn(text)).toEqual(allergens);
  });
});

describe("compounds of German and Dutch", () => {
  const FOUND: Record<string, string> = {
    gluten:
      `Mehlschwitze Brotwürfel Brote Vollkornbrotwürfel Paniermehl Nudelsalat Kekse Apfelkuchen Semmelknödel
      Grießbrei Perlgraupen Malzbier Bierteig Haferkekse Gerstensuppe Pizzateig Roggenmischbrot Zwiebackbrösel
      Hafersahne Sojasoße Weizeneiweiß Dinkelmehl volkorenbrood tarwebloem pannenkoek speculaaskoekjes paneermeel
      boterham havermelk bladerdeeg`,
    eggs:
      `Spiegelei Rührei Hühnereier Spiegeleier Hofeier Osterei Straußenei Wachteleier Eierlikör Eischnee Volleipulver
      Flüssigei Eigelbcreme Eiersalat Remouladensoße spiegelei scharreleieren eiersalade`,
    fish:
      `Fischstäbchen Thunfischsalat Lachsforelle Dosenfisch Heringssalat Räucherlachs Backfischbrötchen vissticks
      zalmfilet tonijnsalade ansjovissaus`,
    milk: `Kräuterbutter Sahnesoße Naturjoghurt Milchreis Quarkspeise Rahmspinat Schäferkäse Schafskäsewürfel
      Schlagsahnetorte Butterkeks Nussbutter Molkenprotein Vollmilchschokolade Bechamelsoße roomboter kruidenboter
      geitenkaas karnemelk slagroomtaart champignonroomsoep melkchocolade`,
    nuts:
      `Haselnusscreme Walnussöl Bittermandeln Mandelmilch Nussmilch Paranüsse Pistazieneis amandelmelk walnoten
      hazelnootpasta notenmix`,
    peanuts: `Erdnussbutter Erdnussbutterkeks Erdnussflips peanutbutter pindakaas pindasaus`,
    soybeans: `Räuchertofu Tofuwürfel Sojajoghurt Misosuppe Sojaeiweiß`,
    celery: `Selleriesalat Knollensellerie Staudenselleriesuppe selderijsalade`,
    mustard: `Honigsenf Senfsoße Kräutersenfsoße mosterdsaus`,
    sesame: `Sesamöl Sesamkringel sesamzaad`,
    sulphites: `Weißweinsoße Rosinenbrot wittewijnsaus rozijnenbrood Balsamicoessig`,
    crustaceans: `Garnelenspieß Krabbensalat Hummersuppe Meeresfrüchte garnalenkroket krabsalade`,
    molluscs:
      `Tintenfisch Tintenfischringe Jakobsmuscheln Austernsauce Meeresfrüchte inktvis inktvisringen mosselen`,
    lupin: `Lupinenmehl Süßlupinen lupinemeel`,
  };
  const found = Object.entries(FOUND).flatMap(([allergen, words]) =>
    words.split(/\s+/).map((word) => [word, allergen])
  );

  it.each(found)("%s has %s", (word, allergen) => {
    expect(allergensIn(word!)).toContain(allergen);
    expect(foodRules([allergen!], "none")(`Eine Portion ${word} mit Salz`)).toMatch(/is not allowed/);
  });

  it.each([
    ["Erdnussbutter", ["peanuts"]],
    ["Tintenfisch", ["molluscs"]],
    ["Hafersahne", ["gluten"]],
    ["Mandelmilch", ["nuts"]],
    ["Sojajoghurt", ["soybeans"]],
    ["milchfreie Schokolade", []],
    ["eifreie Mayonnaise", []],
    ["glutenfreie Haferflocken", []],
    ["glutenvrij brood", []],
    ["milchfreie Schokolade, Sahne", ["milk"]],
    ["Erdnussbutterkeks", ["gluten", "peanuts"]],
  ])("%s has these alone: %j", (text, allergens) => {
    expect(allergensIn(text)).toEqual(allergens);
  });

  const FREE_OF_ALL =
    `Reismehl Maismehl Kokosmehl Buchweizenmehl Kichererbsenmehl Johannisbrotkernmehl Glasnudeln Reisnudeln Küchenpapier
    Küchenkräuter Kokosmilch Reismilch Kokoscreme Fleischtomate Salbei Petersilie Kartoffelbrei Hirsebrei Allerlei zweierlei
    Bäckerei frei wobei glutenfrei Dosenfrüchte Schweinebraten Weintrauben Weinsteinbackpulver Genussmittel Muskatnuss
    Kokosnussöl Butternusskürbis Butterpilz Erdmandeln Austernpilze Eissalat Eisbergsalat Feier Leiermann frisch Reis Mais
    kokosmelk rijstmelk rijstmeel mushroom bloemkool zonnebloemolie koekenpan prei preisoep eiwitrijk nootmuskaat kokosnoot
    oesterzwam zwijn broth brother gathering sharing visit vision buttercup butterhead abierto cubierto gibier`;

  it.each(FREE_OF_ALL.split(/\s+/))("%s has none", (word) => {
    expect(allergensIn(word)).toEqual([]);
  });

  it("says the whole word that it found", () => {
    expect(foodRules(["milk"], "none")("Kartoffeln mit Kräuterbutter")).toMatch(
      /^"krauterbutter" is not allowed/,
    );
    expect(foodRules(["gluten"], "none")("Erdnussbutterkekse")).toMatch(
      /^"erdnussbutterkekse" is not allowed/,
    );
  });

  it.each([["cozido no leite", "milk"], ["pão no ovo", "eggs"]])(
    "Portuguese %s is in %s, though English reads it as without",
    (text, allergen) => expect(allergensIn(text)).toContain(allergen),
  );
});

describe("a language that is none", () => {
  it.each(["en us", "e", "en-".repeat(50), ""])(
    "is refused beside allergies, and read by nobody: %j",
    (locale) => {
      const input = { title: "Soup", summary: "With leeks", allergies: ["milk"], locale };
      const parse = () => recipeDetailGenerator.input.safeParse(input).error!.issues;
      expect(parse).not.toThrow();
      expect(parse().map(({ path }) => path.join("."))).toContain("locale");
    },
  );
});

describe("a text that is far too long", () => {
  const fastestMs = (text: string) =>
    Math.min(...[1, 2].map(() => {
      const start = performance.now();
      allergensIn(text);
      return performance.now() - start;
    }));

  it.each([["letters", "a"], ["accents", "a\u0301"], ["short words", "ab "], ["joints", "ab-\n"]])(
    "takes nowhere near the square of the time: %s",
    (_name, part) => {
      allergensIn(part.repeat(100));
      const [eighthMs, wholeMs] = [500, 4_000].map((times) => fastestMs(part.repeat(times))) as [
        number,
        number,
      ];
      expect(wholeMs, `${eighthMs} ms for an eighth`).toBeLessThan(16 * eighthMs + 500);
    },
  );

  it("is not looked at as an allergy", () => {
    const issues = Allergy.safeParse("花生".repeat(100)).error!.issues;
    expect(issues.map(({ code }) => code)).toEqual(["too_big"]);
  });

  it.each([
    { ingredients: ["beef ".repeat(100)], diet: "vegan" },
    { ingredients: ["beef"], diet: "vegan ".repeat(100) },
  ])("is not looked through for what a diet forbids", (input) => {
    const issues = recipeGenerator.input.safeParse(input).error!.issues;
    expect(issues.map(({ code }) => code)).toEqual(["too_big"]);
  });
});

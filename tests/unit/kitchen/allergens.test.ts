import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { z } from "zod";

import { foodRules } from "../../../supabase/functions/_kitchen/menu.ts";
import { Allergy, checkLanguage } from "../../../supabase/functions/_kitchen/stock.ts";
import { Locale } from "../../../supabase/functions/_shared/inputs.ts";
import { ALLERGENS, allergensIn, allergyMatcher } from "../../../supabase/functions/_kitchen/allergens.ts";

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
  ])("with %j finds in %j what belongs to %j", (allergies, text, allergy) => {
    expect(allergyMatcher(allergies)(text)?.allergy).toBe(allergy);
  });

  it.each([
    [["milk"], "coconut milk"],
    [["𝑸🬺Ꟑ㉹ᝢ㈈"], "vegetable stir-fry"],
    [["..."], "rice"],
    [["nuts"], "nutmeg"],
    [["kiwi"], "lemon"],
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

describe("characters that nobody sees", () => {
  it.each(["pea\u00adnut butter", "pea\u200bnut butter", "pea\u2060nut butter", "\ufeffpeanut"])(
    "hide no allergen: %j",
    (text) => expect(allergensIn(text)).toContain("peanuts"),
  );
});

describe("spellings of German", () => {
  it.each([
    ["Käsespätzle", ["gluten", "eggs", "milk"]],
    ["Kaesespaetzle", ["gluten", "eggs", "milk"]],
    ["Erdnuesse", ["peanuts"]],
    ["Walnuesse", ["nuts"]],
    ["Ziegenkaese", ["milk"]],
  ])("with and without umlauts, and compounds: %s", (text, allergens) => {
    expect(allergensIn(text)).toEqual(allergens);
  });
});

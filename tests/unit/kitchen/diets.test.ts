import { describe, expect, it } from "vitest";

import { dietMatcher } from "../../../supabase/functions/_app/kitchen/diets.ts";

describe("dietMatcher", () => {
  it.each([
    ["vegan", "honey glazed carrots"],
    ["vegan", "scrambled eggs"],
    ["Vegan, high protein", "feta"],
    ["strictly plant-based", "chicken broth"],
    ["végétalien", "crème"],
    ["vegano", "jamón"],
    ["vegetarian", "bacon"],
    ["vegetarian", "burger"],
    ["vegetarian", "beef steak, kidney beans"],
    ["vegetarisch", "Rindfleisch"],
    ["vegetarisch", "Fleischbällchen"],
    ["vegetarisch", "Wurstsalat"],
    ["vegetarisch", "Speckwürfel"],
    ["vegetarisch", "Brathähnchenkeule"],
    ["vegetarisch", "vleesballetjes"],
    ["vegan", "Kräuterbutter"],
    ["halal", "Kochschinkenwürfel"],
    ["vegetarian", "gelatine"],
    ["lacto-vegetarian", "egg"],
    ["ovo-vegetarian", "milk"],
    ["pescatarian", "beef"],
    ["halal", "pork chops"],
    ["halal", "white wine"],
    ["kosher", "shrimp"],
    ["gluten-free", "wheat bread"],
    ["dairy free", "butter"],
  ])("%s forbids %j", (diet, food) => {
    expect(dietMatcher(diet)(food)).toBeDefined();
  });

  it.each([
    ["none", "bacon"],
    ["high protein", "beef"],
    ["vegan", "oat milk"],
    ["vegan", "vegan sausage"],
    ["vegan", "peanut butter"],
    ["vegan", "chickpeas, oyster mushrooms, lamb's lettuce"],
    ["vegan", "eggplant"],
    ["vegan", "kidney beans, lemon rind, speckled lettuce"],
    ["vegan", "black bean burger"],
    ["végétarien", "pâtes"],
    ["vegetarisch", "Hühnereier"],
    ["vegetarisch", "Fleischtomaten"],
    ["vegetarisch", "fleischlose Frikadellen"],
    ["vegan", "Fruchtfleisch, Erdnussbutter, Hafermilch, Austernpilze"],
    ["vegetarian", "goat cheese"],
    ["vegetarian", "eggs and milk"],
    ["lacto-ovo-vegetarian", "omelette with cheese"],
    ["pescatarian", "tuna steak"],
    ["halal", "beef stew with red wine vinegar"],
    ["halal", "turkey bacon"],
    ["gluten-free", "corn tortillas"],
  ])("%s allows %j", (diet, food) => {
    expect(dietMatcher(diet)(food)).toBeUndefined();
  });
});

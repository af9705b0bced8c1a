import { normalName } from "./names.ts";
import { list, type Matcher, matcherOf, pairs } from "./words.ts";

/** The aisles of a shop in walking order: chilled and frozen food comes last. */
export const AISLES = [
  "produce",
  "bakery",
  "dry_goods",
  "canned",
  "condiments",
  "snacks",
  "drinks",
  "household",
  "meat",
  "fish",
  "dairy",
  "frozen",
  "other",
] as const;

export type Aisle = typeof AISLES[number];

/** Foods with a certain aisle. Phrases precede the words in them: peanut butter is not butter. */
const PLACES: [Aisle, Matcher][] = ([
  ["frozen", ["frozen", "ice cream", "icecream", "ice cube", "sorbet"]],
  [
    "condiments",
    list(`
      oil, vinegar, mustard, ketchup, mayonnaise, honey, jam, syrup, salt, pepper, paprika, cumin, turmeric,
      cinnamon, oregano, nutmeg, curry, spice, sriracha, tahini, pesto, marmalade, stock, bouillon, broth,
      seasoning, vanilla, soy sauce, fish sauce, peanut butter, almond butter, nut butter, tomato paste,
      chili flake, hot sauce, miso, mayo, worcestershire, oyster sauce, garlic powder, onion powder,
      chili powder, baking powder, baking soda
    `),
  ],
  ["canned", list(`canned, tinned, coconut milk, passata, tomato sauce, canned tomato`)],
  ["drinks", [
    ..."juice water cola lemonade coffee tea beer wine cider kombucha".split(" "),
    ...pairs(["oat", "almond", "soy", "rice", "hazelnut"], ["milk", "drink"]),
  ]],
  [
    "dry_goods",
    list(`
      flour, sugar, rice, pasta, spaghetti, noodle, lentil, oat, quinoa, couscous, bulgur, polenta,
      semolina, muesli, barley, breadcrumb, peanut, flaxseed, cornflake, cocoa, bean, granola, cereal,
      yeast, raisin, almond, walnut, cashew, hazelnut, pecan, pistachio, starch, cornflour, dried,
      cocoa powder, chickpea, kidney bean, black bean, split pea, seed
    `),
  ],
  [
    "bakery",
    list(`
      bread, baguette, roll, bun, bagel, croissant, pita, naan, tortilla, toast, ciabatta, cake
    `),
  ],
  ["snacks", list(`chocolate, crisp, chip, popcorn, cookie, biscuit, cracker, candy, pretzel`)],
  [
    "fish",
    list(`
      fish, salmon, tuna, cod, haddock, trout, mackerel, herring, sardine, anchovy, shrimp, crab, mussel,
      squid
    `),
  ],
  [
    "meat",
    list(`
      chicken, beef, pork, lamb, turkey, duck, veal, ham, bacon, sausage, salami, mince, steak, chorizo
    `),
  ],
  [
    "dairy",
    list(`
      milk, butter, cheese, yogurt, yoghurt, cream, quark, kefir, hummus, buttermilk, margarine, mozzarella,
      parmesan, feta, cheddar, ricotta, egg, halloumi, mascarpone, skyr, tofu, tempeh, ghee
    `),
  ],
  [
    "produce",
    list(`
      apple, apricot, artichoke, arugula, asparagus, aubergine, avocado, banana, basil, beet, blueberry,
      broccoli, cabbage, carrot, cauliflower, celeriac, celery, chard, cherry, chive, coriander, courgette,
      cucumber, dill, eggplant, fennel, fig, garlic, ginger, grape, grapefruit, kale, kiwi, leek, lemon,
      lettuce, lime, mango, melon, mint, mushroom, onion, orange, parsley, parsnip, peach, pear, pineapple,
      plum, potato, pumpkin, radish, raspberry, rosemary, sage, shallot, spinach, squash, strawberry, thyme,
      tomato, turnip, zucchini, pea, corn, bell pepper, brussel sprout, edamame, olive, date, sweet potato,
      spring onion, red pepper, green pepper, green bean
    `),
  ],
  ["household", list(`soap, detergent, foil, napkin, sponge, toilet paper, kitchen roll, bin bag`)],
] as [Aisle, string[]][]).map(([aisle, words]) => [aisle, matcherOf({ words })]);

/** Phrases that the order above would put into the wrong aisle. */
const EXCEPTIONS: Record<string, Aisle> = {
  "bell pepper": "produce",
  "red pepper": "produce",
  "green pepper": "produce",
  "coconut cream": "canned",
  "oat cream": "dairy",
  "soy cream": "dairy",
  "green bean": "produce",
  "lamb s lettuce": "produce",
  "duck egg": "dairy",
  "butter bean": "canned",
  "eggplant": "produce",
  "water chestnut": "canned",
  "vegetable stock": "condiments",
  "rice cake": "snacks",
  "fish finger": "frozen",
  "watermelon": "produce",
};

/** The aisle of a food by its name; undefined for an unknown food. */
export function aisleOf(name: string): Aisle | undefined {
  const food = normalName(name);
  if (Object.hasOwn(EXCEPTIONS, food)) return EXCEPTIONS[food];
  return PLACES.find(([_aisle, matches]) => matches(name) !== undefined)?.[0];
}

import { list, type Matcher, matcherOf, pairs } from "./words.ts";
import { type Allergen, allergyMatcher } from "./allergens.ts";

const MEATLESS = list(`
  vegan, vegetarian, veggie, vegetable, tofu, tempeh, seitan, soy, soya, mushroom, jackfruit, lentil, bean,
  chickpea, plant based, meat free, meatless, mock, cauliflower, aubergine, eggplant, celeriac, cabbage
`);

const meat = matcherOf({
  group: ["meat", "fleisch", "vlees"],
  words: list(`
    meat, beef, veal, pork, lamb, mutton, goat, venison, rabbit, hare, boar, bison, game, chicken, turkey,
    duck, goose, quail, pheasant, poultry, bacon, ham, gammon, prosciutto, pancetta, guanciale, salami,
    chorizo, sausage, pepperoni, mortadella, bresaola, bratwurst, frankfurter, hamburger, cheeseburger,
    meatball, steak, sirloin, brisket, mince, liver, kidney, tripe, oxtail, lard, suet, tallow, jerky,
    burger, kebab, doner, schnitzel, spam, viande, boeuf, veau, porc, agneau, poulet, dinde, canard, lapin,
    jambon, saucisse, lardon, saucisson, carne, ternera, cerdo, cordero, pollo, pavo, pato, conejo, jamon,
    manzo, vitello, maiale, agnello, tacchino, anatra, coniglio, salsiccia, vaca, vitela, porco, borrego,
    frango, presunto, chourico, vlees, rundvlees, kip, kalkoen, varkensvlees, spek, worst, *fleisch*, *vlees*,
    *hahnchen*, *haehnchen*, *huhn*, *huehn*, *frikadelle*, *bulette*, *salami*, *chorizo*, pute*, rinder*, rindfleisch*, schwein*, kalb*, lamm*, ente, gans, *schinken*,
    *speck*, *wurst*, *wuerst*, hot dog, foie gras, pate de foie, bone broth, spare rib,
    short rib, *肉*
  `),
  except: [
    ...pairs(
      MEATLESS,
      list(`
        meat, beef, pork, lamb, chicken, turkey, duck, bacon, ham, chorizo, sausage, pepperoni, hamburger,
        meatball, steak, mince, jerky, kebab, schnitzel, burger
      `),
    ),
    ...pairs(["tuna", "salmon", "fish", "swordfish", "cod"], ["steak"]),
    ...pairs(["goat", "sheep"], ["cheese", "milk", "yogurt", "yoghurt", "butter"]),
    ...list(`
      lamb s lettuce, lamb lettuce, chicken of the wood, coconut meat, crab meat, beef tomato
    `),
    ...list(`
      duck egg, goose egg, quail egg, kidney bean, hamburger bun, burger bun, *huhnerei*, *huehnerei*
    `),
    ...list(`
      fleischtomate*, fruchtfleisch*,  fleischersatz*, vleestomaat*, vleestomaten*,
      vruchtvlees*, vleesvervanger*,  kokosfleisch*, sojafleisch*, sojawurst*, gemusewurst*,
      gemuesewurst*, worcester*, worchester*, speckled
    `),
    ...pairs(list(`beyond, impossible, salmon, fish, tuna, shrimp, quinoa, beet, halloumi`), [
      "burger",
    ]),
  ],
});
const pork = matcherOf({
  words: list(`
    pork, bacon, ham, gammon, prosciutto, pancetta, guanciale, salami, chorizo, pepperoni, mortadella, lard,
    porc, lardon, jambon, cerdo, jamon, maiale, porco, presunto, varkensvlees, spek, *speck*, *schwein*, *schinken*, *豚*, bratwurst, frankfurter, chicharron, nduja
  `),
  except: [
    ...pairs(
      [...MEATLESS, ...list(`turkey, beef, chicken, lamb, halal, kosher`)],
      list(`bacon, ham, salami, chorizo, pepperoni, mortadella, frankfurter, bratwurst`),
    ),
  ],
});
const alcohol = matcherOf({
  group: ["alcohol"],
  words: list(`
    wine, beer, ale, cider, rum, brandy, cognac, whisky, whiskey, vodka, gin, tequila, sherry, port,
    marsala, sake, mirin, liqueur, liquor, champagne, prosecco, vermouth, bourbon, kirsch, amaretto,
    limoncello, grappa, alcohol, vin, vino, vinho, wein, rotwein, weisswein, bier, cerveza, biere, birra,
    cerveja, wijn
  `),
  except: [
    ...pairs(list(`wine, sherry, cider, champagne, beer, port wine`), ["vinegar"]),
    ...list(`
      ginger beer, ginger ale, root beer, apple cider vinegar, vinaigre de vin, vinagre de vino
    `),
    ...list(`aceto di vino, alcohol free beer, alcohol free wine, port salut`),
  ],
});
const gelatine = matcherOf({
  words: list(`gelatin, gelatine, gelatina, aspic, collagen, isinglass, marshmallow`),
  except: pairs(["vegan", "vegetarian", "plant based", "agar"], ["gelatin", "gelatine", "marshmallow"]),
});
const honey = matcherOf({
  words: list(`honey, miel, honig*, miele, mel, honing, *蜂蜜*, royal jelly, beeswax`),
  except: ["honey melon", "honey mushroom", "vegan honey"],
});
const groupOf = (allergen: Allergen): Matcher => {
  const find = allergyMatcher([allergen]);
  return (text) => find(text)?.word;
};
const [eggs, milk, fish, crustaceans, molluscs, gluten] =
  (["eggs", "milk", "fish", "crustaceans", "molluscs", "gluten"] as const).map(groupOf) as [
    Matcher,
    Matcher,
    Matcher,
    Matcher,
    Matcher,
    Matcher,
  ];
const seafood = [fish, crustaceans, molluscs];

/**
 * A diet's names, and the foods that it excludes. Words cannot tell how foods are combined, so that part of kosher is
 * not checked.
 */
const DIETS: [RegExp, Matcher[]][] = [
  [/vegan|vegetalien|vegano|vegana|plant based|ビーカン/, [meat, ...seafood, eggs, milk, honey, gelatine]],
  [/pescatarian|pescetarian|pescetarien|pescetarier|pescetariano/, [meat, gelatine]],
  [/(?<!lacto )(?<!ovo )vegetari|vegetarisch|vegetarisk|ヘシタリアン/, [meat, ...seafood, gelatine]],
  [/(?<!ovo )lacto vegetari/, [meat, ...seafood, eggs, gelatine]],
  [/(?<!lacto )ovo vegetari/, [meat, ...seafood, milk, gelatine]],
  [/lacto ovo vegetari|ovo lacto vegetari/, [meat, ...seafood, gelatine]],
  [/halal/, [pork, alcohol]],
  [/kosher|casher|koscher/, [pork, crustaceans, molluscs]],
  [/gluten free|gluten frei|glutenfrei|sans gluten|sin gluten|senza glutine|celiac|coeliac|zoliaki/, [
    gluten,
  ]],
  [/dairy free|milk free|sans lait|milchfrei|sin leche/, [milk]],
  [/pork free|no pork|without pork|sans porc/, [pork]],
  [/(?:no|without) meat|meat free/, [meat]],
];

/**
 * Finds the first word that a diet forbids. A diet is free text: known names ("vegan", "halal", "gluten-free", also
 * in French, German, Spanish and Italian) are checked; for any other diet nothing is found.
 */
export function dietMatcher(diet: string): Matcher {
  const folded = foldDiet(diet);
  const forbidden = [...new Set(DIETS.flatMap(([name, groups]) => name.test(folded) ? groups : []))];
  return (text) => {
    for (const group of forbidden) {
      const word = group(text);
      if (word !== undefined) return word;
    }
    return undefined;
  };
}

/** Lower case, without accents and hyphens. */
function foldDiet(diet: string): string {
  return diet.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/[^\p{L}\p{N}]+/gu, " ").trim();
}

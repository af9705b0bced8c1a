import { list, pairs, type Vocabulary } from "./words.ts";

/** Plants from which milk, cream or butter without milk is made. */
const PLANTS = list(`
  almond, cashew, coconut, hazelnut, hemp, macadamia, nut, oat, pea, peanut, pistachio, plant, rice, soy,
  soya, plant based, vegan, dairy free, vegetable, non dairy, seed, sesame, sunflower
`);
/** Without one of these words before them, flours, breads and noodles count as wheat. */
const GLUTEN_FREE_GRAINS = list(`
  almond, amaranth, arrowroot, buckwheat, cassava, chestnut, chickpea, coconut, corn, gram, lentil, maize,
  millet, potato, quinoa, rice, sorghum, soy, soya, tapioca, teff, glass, shirataki, konjac, zucchini,
  courgette, seed, mung bean, sweet potato, gluten free
`);

/**
 * By allergen, as `ALLERGENS` names them: the usual words in English, French, Spanish, Italian and Portuguese, and a
 * few in Japanese. German and Dutch are in compounds.ts.
 */
export const VOCABULARIES = {
  gluten: {
    group: ["gluten"],
    words: list(`
      gluten, wheat, rye, barley, oat, oatmeal, spelt, kamut, einkorn, emmer, farro, triticale, durum,
      semolina, bulgur, couscous, seitan, flour, bread, breadcrumb, panko, crouton, baguette, brioche,
      ciabatta, focaccia, bagel, croissant, bun, sourdough, pita, naan, chapati, roti, tortilla, pasta,
      spaghetti, macaroni, penne, fusilli, linguine, tagliatelle, lasagna, lasagne, ravioli, tortellini,
      gnocchi, orzo, noodle, ramen, udon, dumpling, pizza, pastry, cake, muffin, cracker, biscuit, cookie,
      pancake, waffle, pretzel, granola, muesli, porridge, malt, beer, ale, soy sauce, soya sauce, filo,
      phyllo, scone, pie crust, french toast, *weizen*, *dinkel*, hafer*, ble,
      froment, seigle, orge, avoine, epeautre, farine, pain, pate alimentaire, trigo, centeno, cebada,
      avena, espelta, harina, pan de trigo, grano, frumento, segale, farina, pane, centeio, cevada, aveia,
      farinha, *spatzle*, *spaetzle*, pate, pan integral, pan rallado, rogge, gerst,
      *小麦*, *パン粉*, *うどん*
    `),
    except: [
      ...pairs(
        GLUTEN_FREE_GRAINS,
        list(`
          flour, bread, noodle, pasta, tortilla, cracker, cake, cookie, pancake, muffin, porridge, spaghetti
        `),
      ),
      ...list(`
        root beer, ginger beer, ginger ale, farine de riz, farine de mais,
        farine de pois chiche
      `),
      ...pairs(["flour", "bread", "pasta", "oat", "noodle"], ["gluten free"]),
      ...pairs(["pain", "pate", "farine", "baguette", "biscuit"], ["sans gluten"]),
      ...pairs(["pan", "pasta", "harina", "avena"], ["sin gluten"]),
      ...pairs(["pane", "pasta", "farina"], ["senza glutine"]),
      ...pairs(["glutenfreie", "glutenfreies", "glutenfreier"], ["brot", "mehl", "nudeln", "haferflocken"]),
      ...list(`
        grano saraceno, ble noir, trigo sarraceno, *buchweizen*, farine de sarrasin, farine de ble noir,
        harina de trigo sarraceno, harina de arroz, harina de maiz, farina di riso, farina di ceci,
        farinha de arroz
      `),
    ],
  },
  crustaceans: {
    group: ["shellfish", "crustacean"],
    words: list(`
      crustacean, shellfish, crab, lobster, prawn, shrimp, crayfish, crawfish, langoustine, scampi, krill,
      seafood, crustace, crevette, crabe, homard, ecrevisse, gamba, langosta, cangrejo, camaron, camarones,
      gambero, gamberi, granchio, aragosta, camarao, lagosta, caranguejo, *エビ*, *海老*, *カニ*
    `),
    except: ["crab apple"],
  },
  eggs: {
    group: ["egg"],
    words: list(`
      egg, omelette, omelet, frittata, meringue, mayonnaise, mayo, aioli, custard, hollandaise, bearnaise,
      quiche, albumen, ovalbumin, eggnog, carbonara, oeuf, huevo, uovo, ovo, tortilla espanola, *spatzle*, *spaetzle*, uova, *卵*, *玉子*, *たまご*, *マヨネーズ*
    `),
    except: pairs(
      list(`vegan, egg free, eggless, plant based, chia, flax`),
      list(`egg, mayonnaise, mayo, omelette, meringue, custard, aioli, quiche, frittata`),
    ),
  },
  fish: {
    group: ["fish"],
    words: list(`
      fish, salmon, tuna, cod, haddock, hake, halibut, herring, mackerel, sardine, anchovy, trout, tilapia,
      pollock, plaice, sole, turbot, monkfish, swordfish, eel, carp, pike, perch, pangasius, barramundi,
      caviar, roe, surimi, bonito, dashi, bottarga, kipper, catfish, snapper, grouper, sturgeon, seafood,
      sea bass, seabass, sea bream, worcestershire, worcester sauce, caesar dressing, poisson, saumon, thon,
      cabillaud, morue, hareng, maquereau, truite, anchois, pescado, pez, atun, bacalao, merluza, trucha,
      anchoa, arenque, caballa, pesce, salmone, tonno, merluzzo, acciuga, sgombro, peixe, atum, bacalhau,
      vis, *鮭*, *マグロ*, *だし*, *魚*
    `),
    except: [
      ...pairs(
        ["vegan", "fish free", "plant based", "vegetarian"],
        list(`fish, tuna, salmon, caviar, worcestershire`),
      ),
      "vegan fish sauce",
    ],
  },
  peanuts: {
    group: ["peanut"],
    words: list(`
      peanut, groundnut, arachide, arachis, cacahuete, cacahouete, cacahuate, cacahouette, mani, amendoim,
      monkey nut, ground nut, satay, pad thai, trail mix, *ピーナッツ*, *落花生*
    `),
  },
  soybeans: {
    group: ["soy", "soya"],
    words: list(`
      soy, soya, soybean, soyabean, tofu, tempeh, edamame, miso, tamari, natto, shoyu, teriyaki, tvp, soia,
      textured vegetable protein, *大豆*, *豆腐*, *醤油*, *味噌*
    `),
    except: ["coconut amino"],
  },
  milk: {
    group: ["dairy", "milk"],
    words: list(`
      milk, dairy, cream, butter, buttermilk, ghee, cheese, yogurt, yoghurt, yoghourt, kefir, lactose, whey,
      casein, caseinate, cheddar, mozzarella, parmesan, parmigiano, feta, ricotta, mascarpone, brie,
      camembert, gouda, gruyere, emmental*, halloumi, paneer, quark, skyr, labneh, burrata, pecorino,
      roquefort, gorgonzola, stilton, manchego, provolone, custard, bechamel, lassi, raita, tzatziki,
      gelato, creamer, icecream, lait, creme, beurre, fromage, yaourt, babeurre, leche, nata, mantequilla,
      queso, yogur, latte, panna, burro, formaggio, leite, manteiga, queijo, iogurte, natas,
      sour cream, creme fraiche, milk chocolate, *牛乳*, *チーズ*, *バター*, *ヨーグルト*, *クリーム*
    `),
    except: [
      ...pairs(
        PLANTS,
        list(`
          milk, cream, butter, cheese, yogurt, yoghurt, kefir, creamer, custard, mozzarella, parmesan, feta,
          ricotta, ice cream, latte, sour cream, cream cheese
        `),
      ),
      ...pairs(list(`cocoa, cacao, shea, apple, body, mango, pumpkin, walnut, pecan`), [
        "butter",
      ]),
      ...pairs(
        ["lait", "creme", "yaourt"],
        list(`de coco, de soja, de riz, d avoine, d amande, de noisette`),
      ),
      ...pairs(
        ["leche", "leite", "nata"],
        list(`de coco, de soja, de arroz, de avena, de aveia, de almendra`),
      ),
      ...pairs(["latte", "panna"], list(`di cocco, di soia, di riso, di avena, di mandorla, d avena`)),
      ...list(`leite de amendoa, beurre de cacahuete, beurre de cacahouete, beurre de cacao`),
      ...list(`
        mantequilla de cacahuete, mantequilla de mani, manteiga de amendoim, burro di arachidi,
        burro di cacao
      `),
      ...list(`butter bean, butter lettuce, cream of tartar, milk thistle, cream cracker`),
    ],
  },
  nuts: {
    group: ["nut"],
    words: list(`
      nut, almond, hazelnut, walnut, cashew, pecan, pistachio, macadamia, filbert, praline, marzipan,
      frangipane, gianduja, nougat, nutella, amaretti, amaretto, noix, amande, noisette, pistache, nuez,
      nuece, almendra, avellana, pistacho, anacardo, noci, noce, mandorla, nocciola, pistacchio, noz, nozes,
      amendoa, avela, caju, castanha,
      brazil nut, pesto, *アーモンド*, *くるみ*, *カシューナッツ*, *ナッツ*
    `),
    except: list(`
      tiger nut, water chestnut, noix de coco, noix de muscade, noix de saint jacque, noix de st jacque,
      nuez moscada, noce moscata, noz moscada, noce di cocco, monkey nut, ground nut, *ピーナッツ*, *ココナッツ*,
      *ドーナッツ*
    `),
  },
  celery: {
    group: ["celery"],
    words: list(`
      celery, celeriac, celeri, apio, sedano, aipo, *セロリ*
    `),
  },
  mustard: {
    group: ["mustard"],
    words: list(`
      mustard, dijon, moutarde, mostaza, senape, mostarda, piccalilli, *マスタード*
    `),
  },
  sesame: {
    group: ["sesame"],
    words: list(`
      sesame, tahini, tahin, hummus, houmous, gomasio, halva, halvah, gergelim, sesamo, ajonjoli, za atar,
      zaatar, dukkah, *ゴマ*, *ごま*
    `),
  },
  sulphites: {
    group: ["sulphite", "sulfite"],
    words: list(`
      sulphite, sulfite, metabisulphite, metabisulfite, wine, cider, sulfito, solfito, vin, vino,
      vinho, sulphur dioxide, sulfur dioxide, dried apricot, raisin, sultana, balsamic, *亜硫酸*
    `),
    except: ["sulphite free wine"],
  },
  lupin: {
    group: ["lupin"],
    words: list(`lupini, altramuz, altramuce, tremoco, lupino, *ルピナス*`),
  },
  molluscs: {
    group: ["shellfish"],
    words: list(`
      mollusc, mollusk, shellfish, seafood, mussel, clam, oyster, scallop, squid, calamari, octopus,
      cuttlefish, snail, escargot, whelk, cockle, abalone, limpet, periwinkle, moule, huitre, palourde,
      poulpe, calmar, seiche, mejillon, almeja, ostra, pulpo, calamar, sepia, vieira, cozza, vongola,
      ostrica, polpo, seppia, mexilhao, ameijoa, polvo, lula, cozze, vongole, coquille saint jacque,
      noix de saint jacque, noix de st jacque, *イカ*,
      *タコ*, *貝*
    `),
    except: ["oyster mushroom", "oyster plant"],
  },
} satisfies Record<string, Vocabulary>;

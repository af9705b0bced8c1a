import { foldText, list } from "./words.ts";

/** Words about how a food is cut, kept or sold, which do not change what food it is. */
const DESCRIPTORS = new Set(
  list(`
    fresh, organic, bio, large, medium, small, big, ripe, raw, chopped, diced, sliced, minced, grated,
    shredded, peeled, crushed, whole, halved, quartered, cubed, trimmed, washed, rinsed, drained, finely,
    roughly, thinly, freshly, frozen, loose, pack, packet, bag, tin, jar, bottle, carton, bunch, handful,
    piece, pinch, head, stalk, stick, sprig, extra, virgin, free, range, unsalted, salted, plain, natural,
    boneless, skinless, firm, baby, local, premium, of, a, the, some, few, about, approx, boiling, cold,
    hot, warm, lukewarm
  `),
);

/** Synonyms of a food; the left side is folded by `foldText`. */
const SYNONYMS: Record<string, string> = {
  "yoghurt": "yogurt",
  "greek yoghurt": "greek yogurt",
  "courgette": "zucchini",
  "aubergine": "eggplant",
  "cilantro": "coriander",
  "coriander leaf": "coriander",
  "scallion": "spring onion",
  "green onion": "spring onion",
  "garbanzo": "chickpea",
  "garbanzo bean": "chickpea",
  "chick pea": "chickpea",
  "prawn": "shrimp",
  "rocket": "arugula",
  "beetroot": "beet",
  "capsicum": "bell pepper",
  "red pepper": "bell pepper",
  "green pepper": "bell pepper",
  "yellow pepper": "bell pepper",
  "red bell pepper": "bell pepper",
  "green bell pepper": "bell pepper",
  "yellow bell pepper": "bell pepper",
  "black pepper": "pepper",
  "ground pepper": "pepper",
  "ground black pepper": "pepper",
  "sweetcorn": "corn",
  "maize": "corn",
  "sweet corn": "corn",
  "beef mince": "ground beef",
  "mince": "ground beef",
  "mince beef": "ground beef",
  "double cream": "heavy cream",
  "whipping cream": "heavy cream",
  "flour": "wheat flour",
  "all purpose flour": "wheat flour",
  "white flour": "wheat flour",
  "caster sugar": "sugar",
  "white sugar": "sugar",
  "granulated sugar": "sugar",
  "oat flake": "oat",
  "rolled oat": "oat",
  "porridge oat": "oat",
  "oatmeal": "oat",
  "garlic clove": "garlic",
  "clove garlic": "garlic",
  "table salt": "salt",
  "sea salt": "salt",
  "rice": "white rice",
  "basmati rice": "white rice",
  "jasmine rice": "white rice",
  "red onion": "onion",
  "yellow onion": "onion",
  "white onion": "onion",
  "brown onion": "onion",
  "plum tomato": "tomato",
  "soya milk": "soy milk",
  "soybean milk": "soy milk",
  "soya sauce": "soy sauce",
  "tinned tomato": "canned tomato",
  "tinned chickpea": "canned chickpea",
  "red lentil": "lentil",
  "green lentil": "lentil",
  "brown lentil": "lentil",
  "puy lentil": "lentil",
  "spaghetti": "pasta",
  "penne": "pasta",
  "fusilli": "pasta",
  "macaroni": "pasta",
  "semi skimmed milk": "milk",
  "salmon fillet": "salmon",
  "cod fillet": "cod",
  "chicken breast fillet": "chicken breast",
  "chicken fillet": "chicken breast",
  "vegetable oil": "oil",
  "cooking oil": "oil",
  "firm tofu": "tofu",
  "stock cube": "bouillon cube",
};

/**
 * The normal name of a food, under which it is merged, found and converted: folded, without text after a comma or in
 * brackets, without words on how it is cut or sold, and with one name for all synonyms.
 */
export function normalName(name: string): string {
  const folded = foldText(name.replace(/\([^)]*\)/g, " ")).trim();
  const head = folded.split("|").map((part) => part.trim()).find((part) => part !== "") ?? "";
  const words = head.split(" ").filter((word) => word !== "");
  const kept = words.filter((word) => !DESCRIPTORS.has(word));
  const core = (kept.length > 0 ? kept : words).join(" ");
  return SYNONYMS[core] ?? (core === "" ? name.normalize("NFC").trim().toLowerCase() : core);
}

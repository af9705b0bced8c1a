import { joined, list, type Vocabulary } from "./words.ts";

/*
 * German and Dutch write a dish as one word, and no list has them all, so these vocabularies match parts of words. A part
 * that occurs in too many other words is matched only at the beginning (`hafer*`, because Schäfer ends with it) or at the
 * end. An exception hides only its own letters: in Erdnussbutterkeks the biscuit is still found. A word that may be either
 * counts as an allergen: a false alarm costs an answer, a false "safe" costs more.
 */

const GERMAN_PLANTS = list(`
  kokos, kokosnuss, hafer, mandel, reis, soja, cashew, haselnuss, erbsen, hanf, macadamia, lupinen, pflanzen,
  dinkel, hirse, walnuss, erdnuss, nuss
`);
const DUTCH_PLANTS = list(`
  kokos, kokosnoot, haver, amandel, rijst, soja, cashew, hazelnoot, erwten, hennep, noten, pinda
`);
/** Plants whose flours and noodles have no gluten; all others count as wheat. */
const GERMAN_GRAINS = list(`
  reis, mais, buchweizen, kichererbsen, kartoffel, mandel, kokos, soja, hirse, teff, tapioka, maniok, kastanien,
  linsen, erbsen, quinoa, amarant, amaranth, leinsamen, leinsaat, guarkern, johannisbrotkern, lupinen, haselnuss, nuss, walnuss,
  pfeilwurzel, pfeilwurz, bananen, fisch, knochen, sorghum, bohnen, sesam, kurbiskern, kuerbiskern, glas,
  konjak, zucchini, susskartoffel
`);
const DUTCH_GRAINS = list(`
  rijst, mais, boekweit, kikkererwten, aardappel, amandel, kokos, soja, gierst, teff, tapioca, maniok,
  kastanje, linzen, erwten, quinoa, lijnzaad, johannesbroodpit, lupine, hazelnoot, noten, glas, konjac
`);

const SEAFOOD = list(`*meeresfrucht*, *meeresfruecht*, zeevrucht*`);

/** By allergen, as `ALLERGENS` names them. */
export const COMPOUNDS = {
  gluten: {
    group: ["gluten"],
    words: list(`
      *brot*, *broetchen*, *mehl*, *nudel*, *teig*, *kuchen, kuchenboden*, kuchenstuck*, kuchenstueck*, *torte*,
      *keks*, *zwieback*, *waffel*, *brezel*, *breze, *knodel*, *knoedel*, *semmel*, *schrippe*, toastscheibe*,
      paniert*, *panade*, *panierung*, *couscous*, *bulgur*, *griess*, *graupe*, *grunkern*, *gruenkern*, *malz*,
      *seitan*, pasta*, *spaghetti*, *maultasche*, *strudel*, *krapfen*, *stollen*, *hornchen*, *hoernchen*,
      *croissant*, *pizza*, *baguette*, *bechamel*, *roggen*, *gerste*, *haferflocke*, einkorn*, bier*, *bier,
      *sojasosse*, *sojasauce*, *sauerteig*,
      *brood*, *meel*, tarwebloem, *deeg*, *koek*, *taart*, *wafel*, *beschuit*, *noedel*, gepaneerd*, *tarwe*,
      *haver*, boterham*, *sojasaus*, *bladerdeeg*, bami*, mie, *oatmilk*
    `),
    except: [
      ...joined(GERMAN_GRAINS, ["mehl", "nudel", "griess"]),
      ...joined(DUTCH_GRAINS, ["meel", "noedel"]),
      ...list(`
        broth, broths, brother, *johannisbrot*, *johannesbrood*, brote de, brote tierno, brote verde, broto,
        brotado*, brotar*, brotinho*, gibier*, manteiga*, manteigueira*, reisbrot*, maisbrot*, reiswaffel*,
        maiswaffel*, rijstwafel*, rijstkoek*, koekenpan*, ingwerbier, kokosgebak, *buchweizen*, reiskuchen*
      `),
    ],
  },
  crustaceans: {
    group: ["krebstier", "schaaldier", "schalentier"],
    words: [
      ...list(`
        *garnele*, *krabbe*, hummer*, *krebs*, *krustentier*, *schalentier*, *languste*, *scampi*, *shrimp*,
        *garnaal*, *garnalen*, krab*, *kreeft*, *langoustine*, *schaaldier*
      `),
      ...SEAFOOD,
    ],
  },
  eggs: {
    group: ["ei", "eier"],
    words: list(`
      *ei, eier*, *eier, *eiern, *eigelb*, *eiweiss*, *eiklar*, eischnee*, eipulver*, eimasse*, eisalat*, einudel*,
      vollei*, *dotter, dotter*, *omelett*, *mayonnaise*, *mayonaise*, *majonase*, *majonaese*, *mayonase*, *remoulade*, baiser*, *meringue*,
      *hollandaise*, *eieren*, *eidooier*, *eiwit*
    `),
    except: list(`
      dei, lei, nei, sei, rei, mei, kei, zei, *prei, *brei, *salbei, *erlei, *nuclei, *anei, *opei, *arznei,
      *partei, *datei, *abtei, *polizei, *turkei, *tuerkei, *mongolei, *karwei, blei, *backerei,
      *baeckerei, *metzgerei, *fleischerei, *molkerei, *brauerei, *konditorei, *kaserei, *kaeserei, *rosterei,
      *roesterei, *fischerei, *gartnerei, *gaertnerei, *imkerei, *raucherei, *raeucherei, *schlachterei, *kocherei,
      *spielerei, *suesserei, *leckerei, *nascherei, *schlemmerei, *brennerei, *kellerei, *ketterei, *kelterei,
      feier, geier, leier, schleier, meier, *frei, *bei, *zwei, *drei, *zweierlei, *dreierlei, *keinerlei, *eiweissreich*, *eiweissgehalt*, *eiweisshaltig*, *eiweissquelle*,
      *sojaeiweiss*, *erbseneiweiss*, *molkeneiweiss*, *milcheiweiss*, *weizeneiweiss*, *pflanzeneiweiss*,
      pflanzliche eiweiss, pflanzliches eiweiss, pflanzlichem eiweiss, *eiwitrijk*, *eiwitgehalte*, soja eiwit,
      *sojaeiwit*, *erwteneiwit*, erwten eiwit, *melkeiwit*, wei eiwit, *tarweeiwit*, plantaardig eiwit,
      plantaardige eiwit
    `),
  },
  fish: {
    group: ["fisch", "vis"],
    words: [
      ...list(`
        *fisch*, *lachs*, hering*, bismarckhering*, brathering*, matjeshering*, salzhering*, *matje*, *rollmops*,
        *makrele*, *forelle*, *sardelle*, *sardine*, *anchovi*, *kabeljau*, *dorsch*, zander*, *karpfen*, scholle*,
        *raucheraal*, *raeucheraal*, aal, aalsuppe*, hecht*, *kaviar*, rogen, *barsch*, *heilbutt*, *steinbutt*,
        *seezunge*, *seeteufel*, *surimi*, *sprotte*, *pangasius*, *tilapia*, *saibling*, *dorade*,
        visstick*, vissaus*, visfilet*, vissoep*, visbouillon*, visolie*, visgraat*, visfond*, viskoek*,
        visburger*, visschotel*, viseiertje*, vissalade*, visstoof*, vispan*, witvis*, *schelvis*, *koolvis*,
        zeevis*, stokvis*, klipvis*, zwaardvis*, platvis*, *heilbot*, *tarbot*, wijting*, *zalm*, *tonijn*,
        haring*, *makreel*, *forel*, *ansjovis*, paling*, *kaviaar*
      `),
      ...SEAFOOD,
    ],
    except: list(`*tintenfisch*, *inktvis*`),
  },
  peanuts: {
    group: ["erdnuss", "pinda"],
    words: list(`*erdnuss*, *erdnuess*, *pinda*, *peanut*`),
  },
  soybeans: {
    group: ["soja"],
    words: list(
      `*soja*, *tofu*, *tempeh*, *edamame*, *soymilk*, *soyamilk*, misopaste*, misosuppe*, misosoep*`,
    ),
  },
  milk: {
    group: ["milch", "melk", "zuivel", "milcheiweiss"],
    words: list(`
      *milch*, *kase*, *kaese*, *butter*, *sahne*, *rahm*, *quark*, *joghurt*, *jogurt*, *yoghurt*, *yogurt*, *schmand*,
      *molke*, *mozzarella*, *parmesan*, *kefir*, *creme*, *kasein*, *casein*, *mascarpone*, *ricotta*,
      fetawurfel*, fetawuerfel*, fetacreme*, fetasalat*, *bechamel*, vanilleeis*, schokoladeneis*, schokoeis*,
      speiseeis*, softeis*, erdbeereis*, eisbecher*,
      *melk*, *kaas*, *boter*, slagroom*, kookroom*, roomijs*, *roomsaus*, *roomsoep*, room, vanillepudding*, schokoladenpudding*, schokopudding*, *slagroom*, *kwark*,
      *zuivel*, *vla, weipoeder*
    `),
    except: [
      ...joined(
        GERMAN_PLANTS,
        ["milch", "sahne", "joghurt", "jogurt", "yoghurt", "kase", "kaese", "quark", "creme"],
      ),
      ...joined(DUTCH_PLANTS, ["melk", "room", "yoghurt"]),
      ...list(`
        *erdnussbutter*, *erdnusbutter*, *kakaobutter*, *sheabutter*, *pflanzenbutter*, butternut*, *butternuss*,
        butterbean*, butterbohne*, buttersalat*, butterkopfsalat*, butterpilz*, butterfisch*, butterfish*,
        butterbirne*, butterblume*, buttercup*, butterfly*, butterhead*, butterbur*, *peanutbutter*, *nutbutter*,
        *almondbutter*, *cocoabutter*, *cashewbutter*, *applebutter*, *bodybutter*, *pindakaas*, *pindaboter*,
        *cacaoboter*, boterboon*, boterbonen*, room temperature, room temp, rahmen, *semmelk*, soyogurt*, soyoghurt*, sojade*, coconutmilk*,
        oatmilk*, almondmilk*, soymilk*, ricemilk*, coconutcream*, *coconutyogurt*, *soyayogurt*
      `),
    ],
  },
  nuts: {
    group: ["nuss", "noten", "nusse"],
    words: list(`
      *nuss*, *nuess*, *mandel*, *cashew*, *pistazie*, *marzipan*, *nougat*, *krokant*, *pekan*, *macadamia*,
      *praline*, *pesto*, *almond*, *hazelnut*, *noot*, *noten*, *pistache*
    `),
    except: list(`
      *kokosnuss*, *kokosnuess*, *muskatnuss*, *muskatnuess*, *erdnuss*, *erdnuess*, *genuss*, *genuess*,
      *butternuss*, *tigernuss*, *tigernuess*, *erdmandel*, *betelnuss*, *kokosnoot*, *kokosnoten*, *muskaatnoot*,
      *nootmuskaat*, *aardnoot*, *aardnoten*, *grondnoot*, *grondnoten*, *aardamandel*, *tijgernoot*, *tijgernoten*
    `),
  },
  celery: { group: ["sellerie", "selderij"], words: list(`*sellerie*, *selderij*, *selderie*`) },
  mustard: {
    group: ["senf", "mosterd"],
    words: list(`
      senf*, *senf, *senfsosse*, *senfsauce*, *senfdressing*, *senfkorn*, *senfkoern*, *senfkruste*,
      *senfmarinade*, *senfvinaigrette*, *senfcreme*, *senfdip*, *mosterd*
    `),
  },
  sesame: { group: ["sesam"], words: list(`*sesam*, *tahin*, *hummus*, *humus, *houmous*`) },
  sulphites: {
    group: ["sulfit", "sulfiet"],
    words: list(`
      *sulfit*, *sulfiet*, *wein*, *rosine*, *sultanine*, trockenaprikose*, balsamico*, sekt, *wijn*, *rozijn*
    `),
    except: list(`
      *schwein*, *weintraube*, *weinblatt*, *weinblaett*, *weinstein*, *zwijn*, *wijnblad*, *wijnsteen*
    `),
  },
  lupin: { group: ["lupine", "lupinen"], words: list(`*lupin*`) },
  molluscs: {
    group: ["weichtier", "weekdier", "schelpdier"],
    words: [
      ...list(`
        *muschel*, *tintenfisch*, auster*, *kalmar*, *calamari*, *sepia*, schnecke, schnecken, weinbergschnecke*,
        *weichtier*, *mossel*, *inktvis*, oester*, *schelpdier*, *weekdier*, *jakobsschelp*
      `),
      ...SEAFOOD,
    ],
    except: list(`*austernpilz*, *austernseitling*, *austernsaitling*, oesterzwam*, austerity, austere`),
  },
} satisfies Record<string, Vocabulary>;

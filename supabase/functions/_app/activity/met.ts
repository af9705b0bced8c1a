/** The perceived effort of an activity. */
export const INTENSITIES = ["light", "moderate", "vigorous"] as const;

export type Intensity = typeof INTENSITIES[number];

type Entry = readonly [code: string, met: number];

/**
 * Codes and METs of the 2011 Compendium of Physical Activities, for light, moderate and vigorous effort. If it lists
 * fewer than three, the nearest one fills the gap. Ainsworth et al., Med Sci Sports Exerc 2011;43(8):1575-1581.
 * https://doi.org/10.1249/MSS.0b013e31821ece12
 */
const COMPENDIUM = {
  walking: [["17152", 2.8], ["17190", 3.5], ["17220", 5.0]],
  nordic_walking: [["17302", 4.8], ["17302", 4.8], ["17305", 9.5]],
  hiking: [["17082", 5.3], ["17080", 6.0], ["17012", 7.8]],
  stair_climbing: [["17133", 4.0], ["17130", 8.0], ["17134", 8.8]],
  jogging: [["12010", 6.0], ["12020", 7.0], ["12030", 8.3]],
  running: [["12030", 8.3], ["12050", 9.8], ["12080", 11.8]],
  trail_running: [["12140", 9.0], ["12140", 9.0], ["12140", 9.0]],
  cycling: [["01010", 4.0], ["01030", 8.0], ["01040", 10.0]],
  mountain_biking: [["01009", 8.5], ["01009", 8.5], ["01003", 14.0]],
  indoor_cycling: [["02011", 3.5], ["02012", 6.8], ["02013", 8.8]],
  swimming: [["18240", 5.8], ["18290", 8.3], ["18230", 9.8]],
  open_water_swimming: [["18300", 6.0], ["18300", 6.0], ["18300", 6.0]],
  water_aerobics: [["18355", 5.5], ["18355", 5.5], ["18355", 5.5]],
  rowing: [["18040", 2.8], ["18050", 5.8], ["18080", 12.0]],
  rowing_machine: [["02071", 4.8], ["02072", 7.0], ["02073", 8.5]],
  kayaking: [["18100", 5.0], ["18100", 5.0], ["18060", 12.5]],
  stand_up_paddling: [["18225", 6.0], ["18225", 6.0], ["18225", 6.0]],
  surfing: [["18220", 3.0], ["18220", 3.0], ["18222", 5.0]],
  elliptical_trainer: [["02048", 5.0], ["02048", 5.0], ["02048", 5.0]],
  stair_machine: [["02065", 9.0], ["02065", 9.0], ["02065", 9.0]],
  rope_jumping: [["15552", 8.8], ["15551", 11.8], ["15550", 12.3]],
  strength_training: [["02054", 3.5], ["02052", 5.0], ["02050", 6.0]],
  circuit_training: [["02035", 4.3], ["02035", 4.3], ["02040", 8.0]],
  calisthenics: [["02024", 2.8], ["02022", 3.8], ["02020", 8.0]],
  aerobics: [["03020", 5.0], ["03015", 7.3], ["03021", 7.3]],
  step_aerobics: [["03018", 5.5], ["03016", 7.5], ["03017", 9.5]],
  pilates: [["02105", 3.0], ["02105", 3.0], ["02105", 3.0]],
  yoga: [["02150", 2.5], ["02180", 3.3], ["02160", 4.0]],
  stretching: [["02101", 2.3], ["02101", 2.3], ["02101", 2.3]],
  tai_chi: [["15672", 1.5], ["15670", 3.0], ["15670", 3.0]],
  dancing: [["03040", 3.0], ["03025", 4.5], ["03031", 7.8]],
  ballet: [["03010", 5.0], ["03010", 5.0], ["03012", 6.8]],
  boxing: [["15110", 5.5], ["15120", 7.8], ["15100", 12.8]],
  martial_arts: [["15425", 5.3], ["15430", 10.3], ["15430", 10.3]],
  rock_climbing: [["15537", 5.8], ["15537", 5.8], ["15535", 7.5]],
  soccer: [["15610", 7.0], ["15610", 7.0], ["15605", 10.0]],
  basketball: [["15070", 4.5], ["15055", 6.5], ["15040", 8.0]],
  volleyball: [["15720", 3.0], ["15710", 4.0], ["15711", 6.0]],
  handball: [["15330", 8.0], ["15330", 8.0], ["15330", 8.0]],
  ice_hockey: [["15360", 8.0], ["15360", 8.0], ["15362", 10.0]],
  rugby: [["15562", 6.3], ["15562", 6.3], ["15560", 8.3]],
  tennis: [["15695", 5.0], ["15675", 7.3], ["15690", 8.0]],
  table_tennis: [["15660", 4.0], ["15660", 4.0], ["15660", 4.0]],
  badminton: [["15030", 5.5], ["15030", 5.5], ["15020", 7.0]],
  squash: [["15652", 7.3], ["15652", 7.3], ["15650", 12.0]],
  golf: [["15290", 3.5], ["15265", 4.3], ["15285", 5.3]],
  horse_riding: [["15400", 3.8], ["15370", 5.5], ["15395", 7.3]],
  inline_skating: [["15591", 7.5], ["15592", 9.8], ["15593", 12.3]],
  ice_skating: [["19020", 5.5], ["19030", 7.0], ["19040", 9.0]],
  downhill_skiing: [["19150", 4.3], ["19160", 5.3], ["19170", 8.0]],
  cross_country_skiing: [["19080", 6.8], ["19090", 9.0], ["19100", 12.5]],
  snowshoeing: [["19190", 5.3], ["19190", 5.3], ["19192", 10.0]],
  housework: [["05025", 2.8], ["05026", 3.5], ["05027", 4.3]],
  // An unknown activity counts as a workout of the same effort.
  other: [["02140", 2.3], ["02143", 4.0], ["02146", 6.0]],
} as const satisfies Record<string, readonly [Entry, Entry, Entry]>;

export type Activity = keyof typeof COMPENDIUM;

/** The names of all activities with a MET, including `other`. */
export const ACTIVITIES = Object.keys(COMPENDIUM) as [Activity, ...Activity[]];

/** The activity's MET (its multiple of the energy spent at rest), with its code in the Compendium. */
export function metOf(
  { activity, intensity }: { activity: Activity; intensity: Intensity },
): { met: number; met_code: string } {
  const [met_code, met] = COMPENDIUM[activity][INTENSITIES.indexOf(intensity) as 0 | 1 | 2];
  return { met, met_code };
}

/**
 * Energy spent during an activity, including rest, in whole kcal: MET × kg × h, as 1 MET is 1 kcal/kg/h.
 * https://doi.org/10.1249/MSS.0b013e31821ece12
 */
export function energyKcal(
  { activity, intensity, duration_min, mass_kg }: {
    activity: Activity;
    intensity: Intensity;
    duration_min: number;
    mass_kg: number;
  },
): number {
  return Math.round(metOf({ activity, intensity }).met * mass_kg * duration_min / 60);
}

/** Who lives in a community that was made up. */
export interface Person {
  email: string;
  full_name: string;
  city: string;
  bio: string;
  interests: string[];
}

/** Nobody gets mail at it (RFC 2606), so a user with such an address is one that was made up. */
export const SEED_DOMAIN = "seed.example";

/** A line a person: name, city, what they say of themselves, interests. */
const PEOPLE = `
Amélie Martin | Lyon | Trail runner who took up baking. | running, bread, mountains
Bastien Roche | Grenoble | I lift things up, and write down how heavy they were. | strength, notes
Camille Nguyen | Paris | Nurse by night, gardener by day. | sleep, garden, tea
David Osei | Lille | Half a marathon in October, if my knee agrees. | running, football
Elena Rossi | Nice | Sea swimmer. Yes, in winter too. | swimming, cold water
Farid Benali | Marseille | Cook in a school. Vegetables are my job. | cooking, vegetables
Grace Adeyemi | Bordeaux | Learning to say no to a second dessert. | food, reading
Hugo Lefèvre | Nantes | Cycles to work, rain or shine. | cycling, coffee
Inès Garcia | Toulouse | Physiotherapist. Ask me about your back. | movement, health
Jules Moreau | Strasbourg | Beginner at everything, and proud of it. | hiking, yoga
Karin Lindqvist | Annecy | Moved here for the lake. | swimming, skiing
Louis Bernard | Rennes | Retired teacher, walks ten kilometres a day. | walking, history
Maya Cohen | Montpellier | Yoga at six, so that the day can start. | yoga, meditation
Noah Dubois | Dijon | Counts steps, not calories. | walking, music
Olivia Petit | Paris | Marketing by day, ceramics by night. | pottery, cooking
Paul Girard | Brest | Sails when there is wind, runs when there is none. | sailing, running
Quitterie Faure | Pau | Shepherd's daughter, cheese lover. | mountains, cheese
Rafael Silva | Lyon | Back to sport after ten years of chairs. | strength, swimming
Sofia Kowalska | Lille | I read recipes like novels. | cooking, novels
Thomas Weber | Strasbourg | Sleeps eight hours. Ask me how. | sleep, cycling
Ugo Marchetti | Nice | Olive oil on everything. | cooking, walking
Valérie Simon | Tours | Three children, one bicycle, no car. | family, cycling
William Durand | Paris | Breathing exercises between two meetings. | meditation, work
Xenia Popova | Grenoble | Climber, sometimes a falling one. | climbing, mountains
Yasmine Haddad | Marseille | Dietitian in training. | food, health
Zoé Laurent | Nantes | Dances in the kitchen. | dancing, cooking
Arthur Blanc | Clermont-Ferrand | Volcanoes are good for the legs. | hiking, geology
Bintou Diallo | Rouen | Basketball on Thursdays, choir on Sundays. | basketball, singing
Cédric Roy | Limoges | Lost twelve kilos and found a dog. | walking, dogs
Diane Mercier | Reims | I plan meals on Sunday. Mostly. | cooking, planning
`.trim();

export const people: readonly Person[] = PEOPLE.split("\n").map((line) => {
  const [full_name, city, bio, interests] = line.split(" | ") as [string, string, string, string];
  const name = full_name.normalize("NFD").replaceAll(/[^A-Za-z ]/g, "").toLowerCase().replaceAll(" ", ".");
  return { email: `${name}@${SEED_DOMAIN}`, full_name, city, bio, interests: interests.split(", ") };
});

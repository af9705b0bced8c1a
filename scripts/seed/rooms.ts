/** A salon that was made up, and what is talked about in it. */
export interface Room {
  name: string;
  description: string;
  category: string;
  city: string | null;
  visibility: "public" | "private";
  color_theme: string;
  /** Things that people of this room ask for, tried or made. */
  subjects: string[];
}

/** A line a room: name, what it is about, category, city or "-", color; then its subjects. */
const ROOMS = `
Morning runners | Slow, fast, early: everybody who runs before work. | sport | - | #8B5CF6 | the loop by the river; intervals of 400 metres; new shoes; running in the rain; the half marathon; a training plan for twelve weeks; running with a dog; my first ten kilometres
Kitchen table | What we cook, and what went wrong. | food | - | #F97316 | lentil soup; sourdough; a quick dinner for four; roasted vegetables; shakshuka; a birthday cake; leftovers; chickpeas
Sleep well | For those who lie awake, and those who no longer do. | health | - | #0EA5E9 | screens in the evening; the alarm clock; a nap at noon; coffee after three; night shifts; reading in bed; a cold bedroom; waking up at four
Paris walks | A walk each Sunday, ten kilometres at most. | sport | Paris | #10B981 | the canal on Sunday; Vincennes; the Petite Ceinture; a walk with children; Belleville; the museum if it rains; Père-Lachaise; the islands
Lyon by bike | Routes, repairs and good company. | sport | Lyon | #EF4444 | the way to Miribel; a flat tyre; the Monts d'Or; lights for the winter; a bike for my son; the ride on Saturday; brakes that squeak; the Saône to Mâcon
Cold water | Swimming where it is cold. Never alone. | sport | Nice | #06B6D4 | the sea at fourteen degrees; gloves; getting warm again; the bay on Saturday; a first winter; goggles that fog; swimming at sunrise; tea afterwards
Beginners' strength | No mirrors, no shouting. | sport | - | #6366F1 | the squat; sore shoulders; a programme for two days a week; push-ups; rest days; the deadlift; training at home; a kettlebell
Calm minutes | Breathing, meditation, doing nothing. | mind | - | #A855F7 | ten minutes of silence; breathing before meetings; a wandering mind; the evening walk; an app that helps; the body scan; a week without news; sitting on a chair
Parents who try | Sport and vegetables between homework and bath. | family | - | #EC4899 | the lunch box; vegetables they eat; ten minutes for oneself; the playground workout; screens; a family hike; breakfast in a hurry; tired evenings
Marseille market | Who goes, who cooks, who eats. | food | Marseille | #F59E0B | sardines; the market on Wednesday; tomatoes; a bouillabaisse without fear; fennel; chickpea flour; figs; the fish stall at the port
Book club | One book a month, about body and mind. | mind | - | #14B8A6 | the book of this month; the chapter on habits; audio books; a novel for a change; who hosts next; notes; the ending; a book about walking
Coaches' corner | Where those who lead a group talk. | work | - | #64748B | the new group; somebody who gives up; the first hour; praise; the summer break; a plan for winter; feedback; the waiting list
`.trim();

/** The last one is private. */
export const rooms: readonly Room[] = ROOMS.split("\n").map((line, index, lines) => {
  const [name, description, category, city, color_theme, subjects] = line.split(" | ") as [
    ...[string, string, string],
    ...[string, string, string],
  ];
  return {
    name,
    description,
    category,
    city: city === "-" ? null : city,
    visibility: index === lines.length - 1 ? "private" : "public",
    color_theme,
    subjects: subjects.split("; "),
  };
});

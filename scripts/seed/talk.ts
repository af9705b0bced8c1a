import type { Random } from "../local/demo_model/random.ts";

/** One message of a made-up conversation. */
export interface Line {
  /** Which of the room's members says it. */
  author: number;
  content: string;
  /** How many lines before this one the answered line is. */
  replies_to?: number;
  reactions: { by: number; emoji: string }[];
}

const OPENERS = [
  "Has anybody tried {}?",
  "Question about {}: where do I begin?",
  "Today it was {} again, and I am still smiling.",
  "I thought I would never like {}. I was wrong.",
  "What do you do about {}?",
  "Qui a un conseil pour {}?",
  "Week two of {}. It gets easier.",
  "Let us talk about {}.",
  "Small victory: {}!",
  "Honestly, {} is harder than it looks.",
];
const ANSWERS = [
  "Start small, and write down how it went.",
  "Twice a week was enough for me.",
  "I did that for a month. The first week is the worst one.",
  "Oui, et j'ai adoré.",
  "Same here. What helped was to do it with somebody.",
  "Not yet, but I want to. Saturday?",
  "Count me in.",
  "Be careful with your knees, the rest comes by itself.",
  "There is a good chapter about it in the course.",
  "My neighbour swears by it. I am not sure.",
  "Merci pour le partage !",
  "Could you tell us more about {}?",
  "Ten minutes a day. More is a bonus.",
  "I gave up twice before it worked.",
  "For me the evening is better than the morning.",
  "Great, keep going.",
  "Ça marche aussi quand il pleut.",
  "That made my day.",
];
const CLOSERS = [
  "Thank you all, I will try and tell you.",
  "Update about {}: done!",
  "Merci, à demain.",
  "See you there.",
  "Noted. I owe you a coffee.",
];
const EMOJI = ["👍", "❤️", "😂", "🎉", "💪", "🙏", "👏", "🔥"];

/** As many lines as asked for: conversations about a room's subjects, of a few members each. */
export function conversations(
  random: Random,
  { subjects, members, count }: { subjects: readonly string[]; members: number; count: number },
): Line[] {
  const lines: Line[] = [];
  while (lines.length < count) {
    const subject = random.pick(subjects);
    const asking = random.integer(0, members - 1);
    const first = lines.length;
    const say = (author: number, words: string, isReply = false) =>
      lines.push({
        author,
        content: words.replace("{}", subject),
        ...(isReply ? { replies_to: lines.length - first } : {}),
        reactions: reactionsOf(random, members),
      });
    say(asking, random.pick(OPENERS));
    for (let answers = random.integer(2, 9); answers > 0; answers--) {
      say(random.integer(0, members - 1), random.pick(ANSWERS), random.chance(0.35));
    }
    if (random.chance(0.6)) say(asking, random.pick(CLOSERS));
  }
  return lines.slice(0, count);
}

function reactionsOf(random: Random, members: number): Line["reactions"] {
  if (!random.chance(0.2)) return [];
  const emoji = random.pick(EMOJI);
  const who = new Set(Array.from({ length: random.integer(1, 4) }, () => random.integer(0, members - 1)));
  return [...who].map((by) => ({ by, emoji }));
}

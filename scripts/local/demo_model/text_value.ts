import { compilePattern } from "./pattern.ts";
import type { Random } from "./random.ts";
import { plausibleText } from "./words.ts";

/** The JSON schema keywords of a string. */
export interface TextRules {
  format?: string;
  patterns: string[];
  minLength: number;
  maxLength: number;
}

const ATTEMPTS = 300;

const BY_FORMAT: Record<string, (random: Random) => string> = {
  email: (random) => `demo${random.integer(1, 999)}@example.com`,
  uri: (random) => `https://example.com/demo/${random.integer(1, 999)}`,
  hostname: (random) => `demo${random.integer(1, 999)}.example.com`,
  "date-time": (random) => `${date(random)}T${twoDigits(random, 0, 23)}:${twoDigits(random, 0, 59)}:00Z`,
  date,
  time: (random) => `${twoDigits(random, 0, 23)}:${twoDigits(random, 0, 59)}:00`,
  duration: (random) => `PT${random.integer(1, 59)}M`,
  ipv4: (random) => `192.0.2.${random.integer(1, 254)}`,
  ipv6: (random) => `2001:db8::${random.integer(1, 9_999)}`,
  uuid: (random) =>
    `${hex(random, 8)}-${hex(random, 4)}-4${hex(random, 3)}-a${hex(random, 3)}-${hex(random, 12)}`,
  base64: () => "ZGVtbw==",
  base64url: () => "ZGVtbw",
  cidrv4: (random) => `192.0.2.0/${random.integer(24, 32)}`,
  cidrv6: (random) => `2001:db8::/${random.integer(32, 64)}`,
  emoji: (random) => random.pick(["🥗", "🍲", "🍋"]),
  jwt: () => "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJkZW1vIjp0cnVlfQ.ZGVtbw",
};

/**
 * Makes a text that satisfies every keyword, preferably one that suits the property's name; undefined if none was
 * found.
 */
export function textValue(name: string, rules: TextRules, random: Random): string | undefined {
  const expressions = rules.patterns.map(toExpression);
  const fits = (text: string) =>
    text.length >= rules.minLength && text.length <= rules.maxLength &&
    expressions.every((expression) => expression.test(text));

  for (const text of plainCandidates(name, rules, random)) {
    if (fits(text)) return text;
  }
  if (rules.patterns.length === 0) return undefined;
  const samplers = rules.patterns.map(compilePattern);
  const filler = plausibleText(name, random).padEnd(rules.minLength, ".");
  const spreads = [3, rules.minLength, 0, rules.minLength * 2, Math.min(rules.maxLength, 64)];
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const spread = spreads[attempt % spreads.length]!;
    const samples = samplers.map((sample) => sample(random, spread));
    const text = random.chance(0.5) ? samples.join("") : random.pick(samples);
    const candidates = [text, `${text} ${filler}`, `${filler} ${text}`]; // the latter for patterns without an anchor
    const fitting = candidates.find(fits);
    if (fitting !== undefined) return fitting;
  }
  return undefined;
}

/** The candidates before patterns are sampled: the format's own form, then words cut or filled to length. */
function plainCandidates(name: string, rules: TextRules, random: Random): string[] {
  const byFormat = rules.format === undefined ? undefined : BY_FORMAT[rules.format]?.(random);
  if (byFormat !== undefined) return [byFormat];
  const words = plausibleText(name, random);
  const filled = words.length >= rules.minLength ? words : `${words} `.repeat(
    Math.ceil(rules.minLength / (words.length + 1)),
  );
  const sized = filled.slice(0, Math.max(Math.min(rules.maxLength, filled.length), rules.minLength))
    .trimEnd();
  const solid = sized.padEnd(Math.min(rules.minLength, rules.maxLength), ".");
  return [solid, solid.toLowerCase(), solid.toUpperCase()];
}

/** Patterns are compiled with the `u` flag if possible, as JSON schema requires, otherwise without it. */
function toExpression(pattern: string): RegExp {
  try {
    return new RegExp(pattern, "u");
  } catch {
    return new RegExp(pattern);
  }
}

function date(random: Random): string {
  return `2026-${twoDigits(random, 1, 12)}-${twoDigits(random, 1, 28)}`;
}

function twoDigits(random: Random, min: number, max: number): string {
  return String(random.integer(min, max)).padStart(2, "0");
}

function hex(random: Random, length: number): string {
  return Array.from({ length }, () => random.integer(0, 15).toString(16)).join("");
}

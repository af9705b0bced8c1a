import type { Answer } from "./calls.ts";

/** Where two values differ, one line for each place. */
export function differences(expected: unknown, actual: unknown, place = ""): string[] {
  if (!isObject(expected) || !isObject(actual)) {
    return expected === actual ? [] : [`${place}: expected ${show(expected)}, got ${show(actual)}`];
  }
  const keys = new Set([...Object.keys(expected), ...Object.keys(actual)]);
  return [...keys].flatMap((key) => differences(expected[key], actual[key], place ? `${place}.${key}` : key));
}

/** What answers say beside what the model knows: wording, identity, and what depends on the hour. */
const UNTOLD = ["message", "limits", "resets_at", "wallet_id"];
/** What the job says of wallets: how many it found. */
const COUNTS = ["applied_wallets", "waiting_wallets", "skipped_wallets", "failed_wallets", "is_done"];

/** Where an answer is not the one that the model gives. */
export function answerDifferences(expected: Answer, actual: Answer): string[] {
  return differences(expected, withoutUntold(actual), "answer");
}

/** A value in one line. */
export function show(value: unknown): string {
  const text = JSON.stringify(value, (_, one) => typeof one === "bigint" ? `${one}n` : one);
  return text?.replace(/"(-?\d+)n"/g, "$1") ?? "nothing";
}

function withoutUntold(answer: Answer): Answer {
  if (Array.isArray(answer)) return answer.map(withoutUntold);
  if (!isObject(answer)) return answer;
  return Object.fromEntries(Object.entries(answer).filter(([key]) => ![...UNTOLD, ...COUNTS].includes(key)));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** How models mark their reasoning, if the server does not remove it. */
const THOUGHTS = [
  ["<think>", "</think>"],
  ["<thinking>", "</thinking>"],
  ["<thought>", "</thought>"],
  ["<reasoning>", "</reasoning>"],
  ["[THINK]", "[/THINK]"],
  ["◁think▷", "◁/think▷"],
] as const;

/**
 * An answer, finished or not, without the reasoning before it; empty while the model still reasons. Some templates
 * put the opening mark into the prompt, so that only the closing mark is in the answer.
 */
export function withoutThoughts(text: string): string {
  let rest = text;
  for (;;) {
    const start = rest.trimStart();
    const marks = THOUGHTS.find(([open]) => start.startsWith(open));
    if (marks === undefined) {
      const isHalfMark = start !== "" && THOUGHTS.some(([open]) => open.startsWith(start));
      if (isHalfMark) return "";
      break;
    }
    const end = start.indexOf(marks[1]);
    if (end < 0) return "";
    rest = start.slice(end + marks[1].length);
  }
  if (rest === text && !/^\s*[{[]/.test(text)) {
    for (const [_open, close] of THOUGHTS) {
      const end = rest.indexOf(close);
      if (end >= 0) return rest.slice(end + close.length);
    }
  }
  return rest;
}

/** The JSON object in an answer, or its beginning, without reasoning, Markdown fence and words around it. */
export function jsonIn(text: string): string {
  const answer = withoutThoughts(text).trimStart();
  if (answer.startsWith("[") || answer === "") return answer;
  const fence = answer.startsWith("{") ? -1 : answer.indexOf("```");
  const start = answer.indexOf("{", Math.max(fence, 0));
  return start < 0 ? "" : answer.slice(start);
}

/** Parses an answer's JSON; undefined if there is none. Valid JSON skips the repair. */
export function parseAnswer(text: string): unknown {
  const whole = parse(text);
  if (whole !== undefined) return whole;
  const json = jsonIn(text);
  return parse(json.slice(0, Math.max(json.lastIndexOf("}"), json.lastIndexOf("]")) + 1));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

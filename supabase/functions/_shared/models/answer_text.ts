/** How models mark what they only thought, where a server does not take it out. */
const THOUGHTS = [
  ["<think>", "</think>"],
  ["<thinking>", "</thinking>"],
  ["<thought>", "</thought>"],
  ["<reasoning>", "</reasoning>"],
  ["[THINK]", "[/THINK]"],
  ["◁think▷", "◁/think▷"],
] as const;

/**
 * An answer, or as much of it as there is, without the thoughts before it; empty while they go on. Some templates put the
 * opening mark into the prompt, so that only the closing one is in the answer.
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

/** The JSON object in an answer, or its beginning: without thoughts, a Markdown fence and words around it. */
export function jsonIn(text: string): string {
  const answer = withoutThoughts(text).trimStart();
  if (answer.startsWith("[") || answer === "") return answer;
  const fence = answer.startsWith("{") ? -1 : answer.indexOf("```");
  const start = answer.indexOf("{", Math.max(fence, 0));
  return start < 0 ? "" : answer.slice(start);
}

/** The value of an answer in JSON; undefined where there is none. What needs no repair costs none. */
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

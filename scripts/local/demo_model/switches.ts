import { OpenAiError } from "./answer.ts";

/** What a model's name makes the demo server do; the table is in ../demo_model.ts. */
export interface Switches {
  /** The whole name, which the answer reports as the model. */
  model: string;
  slowMs: number;
  failStatus?: number;
  retryAfterSeconds?: number;
  flaky?: { status: number; failures: number; key: string };
  hang: boolean;
  cutAfterBytes?: number | "middle";
  content: Content;
  usage: "default" | "none" | { input: number; output: number };
}

/** The content of the answer: the requested one, or a typical fault of models. */
export type Content = "normal" | "nonsense" | "wrong-shape" | "garbage" | "refuse" | "empty" | "truncated";

type Apply = (switches: Switches, captured: string[]) => void;

/** Each switch with its effect; longer ones first, so that `cut-after-5` is not parsed as `cut`. */
const SPELLINGS: [RegExp, Apply][] = [
  [/^-(?:text|vision|image|transcribe|speech|realtime)(?=-|$)/, () => {}],
  [/^-slow-(\d+)(?=-|$)/, (switches, [ms]) => switches.slowMs = Number(ms)],
  [/^-fail-([45]\d\d)(?=-|$)/, (switches, [status]) => switches.failStatus = Number(status)],
  [/^-retry-after-(\d+)(?=-|$)/, (switches, [seconds]) => switches.retryAfterSeconds = Number(seconds)],
  [/^-hang(?=-|$)/, (switches) => switches.hang = true],
  [/^-cut-after-(\d+)(?=-|$)/, (switches, [bytes]) => switches.cutAfterBytes = Number(bytes)],
  [/^-cut(?=-|$)/, (switches) => switches.cutAfterBytes = "middle"],
  [
    /^-usage-(\d+)-(\d+)(?=-|$)/,
    (switches, [input, output]) => switches.usage = { input: Number(input), output: Number(output) },
  ],
  [/^-no-usage(?=-|$)/, (switches) => switches.usage = "none"],
  [
    /^-(nonsense|wrong-shape|garbage|refuse|empty|truncated)(?=-|$)/,
    (switches, [content]) => switches.content = content as Content,
  ],
  [
    /^-flaky-([45]\d\d)-(\d+)-(.+)$/s,
    (switches, [status, failures, key]) =>
      switches.flaky = { status: Number(status), failures: Number(failures), key: key! },
  ],
];

/** Parses a model name from left to right; a name with an unknown word is a model that does not exist. */
export function readSwitches(model: string): Switches {
  const switches: Switches = { model, slowMs: 0, hang: false, content: "normal", usage: "default" };
  const name = model.split("+", 1)[0]!;
  let rest = name.startsWith("demo") ? name.slice("demo".length) : `?${name}`;
  while (rest !== "") {
    const length = applyFirst(switches, rest);
    if (length === 0) {
      throw new OpenAiError(404, `Demo model ${JSON.stringify(model)} does not exist`, "model_not_found");
    }
    rest = rest.slice(length);
  }
  return switches;
}

/** Applies the switch at the start of the text and returns its length; 0 if there is none. */
function applyFirst(switches: Switches, text: string): number {
  for (const [spelling, apply] of SPELLINGS) {
    const match = spelling.exec(text);
    if (match === null) continue;
    apply(switches, match.slice(1));
    return match[0].length;
  }
  return 0;
}

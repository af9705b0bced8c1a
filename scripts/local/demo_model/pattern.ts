import type { Random } from "./random.ts";

/** Makes a text that may match a pattern; `spread` is how far an open repetition may exceed its minimum. */
type Sampler = (random: Random, spread: number) => string;

const PRINTABLE = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index));
const DIGITS = [..."0123456789"];
const WORD_CHARACTERS = [..."abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"];
const SPACES = [" "];
const CONTROL_ESCAPES: Record<string, string> = { n: "\n", r: "\r", t: "\t", f: "\f", v: "\v", "0": "\0" };

/**
 * Compiles a regular expression into a sampler. Lookarounds and back references are ignored, so the caller must test
 * the result against the expression and try again.
 */
export function compilePattern(source: string): Sampler {
  let at = 0;

  function alternatives(): Sampler {
    const options = [sequence()];
    while (source[at] === "|") {
      at++;
      options.push(sequence());
    }
    return options.length === 1 ? options[0]! : (random, spread) => random.pick(options)(random, spread);
  }

  function sequence(): Sampler {
    const parts: Sampler[] = [];
    while (at < source.length && source[at] !== "|" && source[at] !== ")") parts.push(repeated(atom()));
    return (random, spread) => parts.map((part) => part(random, spread)).join("");
  }

  function repeated(part: Sampler): Sampler {
    const match = /^(?:([*+?])|\{(\d+)(,)?(\d*)\})\??/.exec(source.slice(at));
    if (match === null) return part;
    at += match[0].length;
    const [, symbol, least, comma, most] = match;
    const min = symbol === undefined ? Number(least) : symbol === "+" ? 1 : 0;
    const isOpen = symbol === "*" || symbol === "+" || (comma !== undefined && most === "");
    const max = symbol === "?" ? 1 : most ? Number(most) : min;
    return (random, spread) => {
      const upper = isOpen ? min + spread : Math.min(max, min + Math.max(spread, 1));
      return Array.from({ length: random.integer(min, upper) }, () => part(random, spread)).join("");
    };
  }

  function atom(): Sampler {
    const character = source[at++]!;
    if (character === "(") return group();
    if (character === "[") return oneOf(characterClass());
    if (character === ".") return oneOf(WORD_CHARACTERS);
    if (character === "^" || character === "$") return () => "";
    if (character === "\\") {
      if (/[bB]/.test(source[at]!)) return at++, () => "";
      return oneOf(escaped());
    }
    return () => character;
  }

  function group(): Sampler {
    const prefix = /^\?(?::|=|!|<=|<!|<\w+>)/.exec(source.slice(at))?.[0] ?? "";
    at += prefix.length;
    const inside = alternatives();
    at++;
    return /[=!]/.test(prefix) ? () => "" : inside;
  }

  function characterClass(): string[] {
    const isNegated = source[at] === "^";
    if (isNegated) at++;
    const members: string[] = [];
    while (source[at] !== "]") {
      const from = classMember();
      if (source[at] !== "-" || source[at + 1] === "]" || from.length !== 1) {
        members.push(...from);
        continue;
      }
      at++;
      const last = classMember()[0]!.codePointAt(0)!;
      for (let code = from[0]!.codePointAt(0)!; code <= last; code++) {
        members.push(String.fromCodePoint(code));
      }
    }
    at++;
    return isNegated ? PRINTABLE.filter((character) => !members.includes(character)) : members;
  }

  function classMember(): string[] {
    const character = source[at++]!;
    return character === "\\" ? escaped() : [character];
  }

  /** Parses an escape as the list of characters that it matches. */
  function escaped(): string[] {
    const code = /^(?:u\{([0-9a-fA-F]+)\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))/.exec(source.slice(at));
    if (code !== null) {
      at += code[0].length;
      return [String.fromCodePoint(parseInt((code[1] ?? code[2] ?? code[3])!, 16))];
    }
    const property = /^[pP]\{([^}]*)\}/.exec(source.slice(at));
    if (property !== null) {
      at += property[0].length;
      return /Pictographic|Emoji|Regional/.test(property[1]!) ? ["🥗", "🍲", "🍋"] : ["a", "b", "c"];
    }
    const letter = source[at++]!;
    if (letter === "d") return DIGITS;
    if (letter === "w") return WORD_CHARACTERS;
    if (letter === "s") return SPACES;
    if (letter === "D" || letter === "S") return WORD_CHARACTERS.slice(0, 52);
    if (letter === "W") return ["-", " ", "."];
    return [CONTROL_ESCAPES[letter] ?? letter];
  }

  const sampler = alternatives();
  if (at < source.length) throw new SyntaxError(`Cannot sample the pattern ${source}`);
  return sampler;
}

function oneOf(characters: readonly string[]): Sampler {
  return (random) => random.pick(characters);
}

/** A provider's refusal. */
export interface Refusal {
  status?: number;
  /** Its sentences, for the operator's log. */
  message: string;
  /** The sentences plus the names of codes, types and fields; refusals are matched against this. */
  words: string;
  code?: string;
  /** The account is out of funds: retries do not help, the operator must pay. */
  isOfFunds: boolean;
  /** The provider blocked the caller's words or pictures. */
  isOfContent: boolean;
  /** The model's answer was not JSON, which some servers check themselves. */
  isOfAnswer: boolean;
}

const FUNDS =
  /insufficient[_ ](?:user[_ ])?(?:quota|balance|credits?|funds)|billing[_ ](?:hard[_ ]limit|not[_ ]active|error)|credit balance is too low|payment[_ ]required/i;
const CONTENT =
  /content[_ -](?:filter|policy|management)|moderation|responsibleai|safety[_ ]system|input was flagged|data_inspection_failed|prohibited[_ ]content|sensitive_words/i;
const ANSWER = /json_validate_failed|failed to (?:generate|validate) json/i;

/**
 * Reads a refusal of any server: OpenAI's form, a list of such errors, plain text, FastAPI's and Pydantic's details.
 */
export function refusalIn(
  { status, body, isTimed = false }: { status?: number; body?: unknown; isTimed?: boolean },
): Refusal {
  const { message, names, code } = wordsIn(body);
  const words = `${names} ${message}`;
  const isClientError = status !== undefined && status >= 400 && status < 500;
  return {
    status,
    message,
    words,
    code,
    // With a retry time it is a rate limit and not an empty account.
    isOfFunds: !isTimed && (status === 402 || ((isClientError || status === undefined) && FUNDS.test(words))),
    isOfContent: (status === undefined || [400, 403, 422].includes(status)) && CONTENT.test(words),
    isOfAnswer: isClientError && ANSWER.test(words),
  };
}

/** Fields of an error that hold sentences, and those that hold names. */
const SENTENCES = ["message", "msg", "detail", "details", "error", "errors", "description", "reason"];
const NAMES = ["code", "type", "param", "status", "loc", "field", "innererror", "metadata", "object"];
/** Fields that repeat the request or the model's text are neither read nor logged. */
const MAX_DEPTH = 6;

/** Finds the sentences and names in an error and ignores the rest. */
export function wordsIn(body: unknown): { message: string; names: string; code?: string } {
  const sentences: string[] = [];
  const names: string[] = [];
  const codes: string[] = [];

  function visit(value: unknown, field: string, depth: number): void {
    if (depth > MAX_DEPTH || value === null || value === undefined) return;
    if (typeof value === "string" || typeof value === "number") {
      if (SENTENCES.includes(field)) readSentence(String(value), field, depth);
      else names.push(String(value));
      if (field === "code") codes.unshift(String(value));
      if (field === "type") codes.push(String(value));
      return;
    }
    if (Array.isArray(value)) {
      if (field === "loc") {
        const place = value.filter((part) => part !== "body").join(".");
        names.push(place);
        sentences.push(`${place}:`);
      } else value.forEach((one) => visit(one, field, depth + 1));
      return;
    }
    if (typeof value !== "object") return;
    // Put the location before its problem.
    const entries = Object.entries(value).toSorted(([a], [b]) => Number(b === "loc") - Number(a === "loc"));
    for (const [name, part] of entries) {
      if (SENTENCES.includes(name) || NAMES.includes(name)) visit(part, name, depth + 1);
      else if (name === "fieldViolations") visit(part, "details", depth + 1);
    }
  }

  /** Some proxies put the error of the server behind them into a string. */
  function readSentence(text: string, field: string, depth: number): void {
    const inner = /^\s*[{[]/.test(text) ? parse(text) : undefined;
    if (inner !== undefined) visit(inner, field, depth + 1);
    else if (!sentences.includes(text)) sentences.push(text);
  }

  visit(body, "error", 0);
  return { message: sentences.join(" "), names: names.join(" "), code: codes[0] };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

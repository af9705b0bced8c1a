import { STATUS } from "../../supabase/functions/_shared/platform/errors.ts";
import type { ErrorCode } from "../../supabase/functions/_shared/platform/errors.ts";
import type { Auth } from "../../supabase/functions/_shared/http/credentials.ts";
import { camelCase, type Declared, isForApps } from "./declared.ts";
import { codesOf, MEANINGS } from "./errors.ts";
import { exampleOf, PICTURE } from "./examples.ts";
import { type Field, fieldsOf } from "./fields.ts";
import { describePrice } from "./price_words.ts";
import { jsonSchema } from "./schemas.ts";

/** The API reference for people, as Markdown. */
export async function apiPage(functions: Declared[]): Promise<string> {
  const features = functions.filter(({ kind }) => kind !== "plain");
  const others = functions.filter(({ kind }) => kind === "plain");
  return [
    introduction(functions),
    "## Features",
    index(features),
    ...await Promise.all(features.map(section)),
    "## Without a price",
    ...await Promise.all(others.map(section)),
  ].join("\n\n") + "\n";
}

function introduction(functions: Declared[]): string {
  const codes = (Object.keys(STATUS) as ErrorCode[]).filter((code) =>
    functions.some((one) => codesOf(one).includes(code))
  );
  return `# API reference

Written by \`deno task docs\` from the functions' declarations. For programs: [openapi.json](openapi.json)
(OpenAPI 3.1). What a call costs: [pricing.md](pricing.md). A typed client: [client/](../client/mod.ts).

## Calling a function

\`\`\`sh
curl "$SUPABASE_URL/functions/v1/meal-analyzer" \\
  -H "apikey: $SUPABASE_PUBLISHABLE_KEY" -H "Authorization: Bearer $ACCESS_TOKEN" \\
  -H "Idempotency-Key: $(node -p 'crypto.randomUUID()')" -H "Content-Type: application/json" \\
  -d '{"description": "two bowls of lentil soup"}'
\`\`\`

- \`ACCESS_TOKEN\` is the JWT of a signed-in user, as Supabase Auth gives it. \`deno task status\` prints the rest.
- **Idempotency-Key**: 1 to 255 printable characters, in quotes if there is a comma. Use a new key for each thing that
  the user wants, and the same one for each retry. The first answer is stored and replayed, byte for byte, with \`Idempotent-Replayed: true\`; neither the
  model nor the charge runs twice. A free failure is not stored: the same key may run again. A charged failure is stored
  and replayed like an answer. Retry with the same body: a newly signed URL of a photo makes it another request,
  which is refused as \`idempotency_key_reused\`.
- **Tessera-Wallet**: the id of a team's wallet that pays instead of the user's own, or that is asked about
  ([wallets.md](wallets.md)). A key is another one with another wallet.
- **X-Request-Id** in every answer identifies the request in the ledger and the log.
- A feature answers \`{ "data": …, "usage": … }\`; the tables below list the fields of \`data\`. \`usage\` has
  \`request_id\`, \`model\`, \`input_tokens\`, \`output_tokens\`, \`charged\` (Tessera tokens) and \`balance\` (the rest).
- With \`Accept: text/event-stream\` a feature sends events with the growing answer: [streaming.md](streaming.md).
- Dates are ISO 8601; units are part of the names: \`mass_g\`, \`energy_kcal\`, \`duration_min\`.
- A **photo** is a JPEG, PNG or WebP of at most 5 MB: a data URL, a public \`https\` URL, or the path of a file in the
  bucket \`uploads\`. A **recording** is a file in \`multipart/form-data\`, or such a path:
  wav, mp3, m4a (mp4, mov), webm, ogg or flac by its bytes, of at most 25 MB ([providers.md](providers.md#recordings)).

From TypeScript, in a browser, Deno or Node, with retries under one key:

\`\`\`ts
import { createTesseraClient } from "./client/mod.ts";

const tessera = createTesseraClient({ url, publishableKey, accessToken: () => session.access_token });
const { data, usage } = await tessera.mealAnalyzer({ description: "two bowls of lentil soup" });

for await (const part of tessera.stream.mealPlanGenerator({ days: 3, target: { energy_kcal: 2_000 } })) {
  render(part.data, part.isFinal); // drafts, then the answer with its usage
}
\`\`\`

Failures are thrown as \`TesseraError\`; \`hasCode(error, "insufficient_tokens")\` gives \`details\` its type. \`photoOf(file)\`
turns a picture into the value of a photo field; pass a recording as \`File\` or \`Blob\`.

## Errors

\`\`\`json
{ "error": "insufficient_tokens", "message": "…", "request_id": "…", "details": { "required": 12, "available": 3 } }
\`\`\`

Every failure has this body. Codes are never renamed. Nothing was charged unless the body says so:

- \`"charged": 7, "balance": 93\` with \`answer_refused\`: what the model used, at most what was held
  ([pricing.md](pricing.md#what-a-failure-costs)).
- \`"charged": null\` with \`service_unavailable\`: the ledger did not confirm the charge in time. Ask again with the same
  key, or \`account/why\` with the \`request_id\`.
- \`response_not_stored\`: \`details.charged\` was charged for the first answer.

${
    table(
      ["status", "code", "when"],
      codes.map((code) => [String(STATUS[code]), `\`${code}\``, MEANINGS[code]]),
    )
  }`;
}

function index(features: Declared[]): string {
  return table(
    ["feature", "what it does"],
    features.map(({ name, summary }) => [`[${name}](#${name})`, summary]),
  );
}

async function section(one: Declared): Promise<string> {
  const answer = one.output;
  const sent = one.input && jsonSchema(one.input, "input");
  const takes = one.maxUploadBytes === undefined ? "" : " Takes `application/json` or `multipart/form-data`.";
  return [
    `### ${one.name}`,
    one.description,
    [
      `\`${one.isAlsoPost ? "GET or POST" : one.method} /functions/v1/${one.name}\`, for ${
        one.auths.map((auth) => CALLERS[auth]).join(" or ")
      }.${takes}`,
      one.price ? `Price: ${describePrice(one.price)}.` : "",
      one.kind === "conversation"
        ? "A WebSocket: [realtime.md](realtime.md)."
        : isForApps(one)
        ? `Client: \`tessera.${camelCase(one.name)}(…)\`.`
        : "",
    ].filter(Boolean).join(" "),
    ...(sent
      ? [
        withRule(one.method === "GET" ? "Query" : "Input", sent.description),
        fieldTable(fieldsOf(sent), true),
      ]
      : []),
    ...(answer ? ["Answer", fieldTable(fieldsOf(jsonSchema(answer, "output")), false)] : []),
    await curl(one),
    `Errors: ${codesOf(one).map((code) => `\`${code}\``).join(", ")}.`,
  ].filter(Boolean).join("\n\n");
}

const CALLERS: Record<Auth, string> = {
  user: "a signed-in user",
  publishable: "an app (publishable key)",
  secret: "a server (secret key)",
  none: "anybody",
};

const CREDENTIALS: Record<Auth, string> = {
  user: `-H "apikey: $SUPABASE_PUBLISHABLE_KEY" -H "Authorization: Bearer $ACCESS_TOKEN"`,
  publishable: `-H "apikey: $SUPABASE_PUBLISHABLE_KEY"`,
  secret: `-H "apikey: $SUPABASE_SECRET_KEY"`,
  none: "",
};

function withRule(title: string, rule: string | undefined): string {
  return rule ? `${title}. ${rule}.` : title;
}

function fieldTable(fields: Field[], isInput: boolean): string {
  if (fields.length === 0) return "";
  return table(
    ["field", "type", "notes"],
    fields.map(({ path, type, isRequired, notes }) => [
      isInput && isRequired ? `**\`${path}\`**` : `\`${path}\``,
      isInput || isRequired ? type : `${type}, may be absent`,
      notes,
    ]),
  );
}

async function curl(one: Declared): Promise<string> {
  if (!one.input || one.kind === "conversation") return "";
  const example = await exampleOf(one);
  const required = example ? [] : requiredFields(one);
  const query = one.method === "GET" ? required.map((name) => `${name}=…`).join("&") : "";
  const address = `curl "$SUPABASE_URL/functions/v1/${one.name}${query && `?${query}`}"`;
  const head = [address, CREDENTIALS[one.auths[0]!]].filter(Boolean);
  if (example && one.kind === "feature") head.push(`-H "Idempotency-Key: $(node -p 'crypto.randomUUID()')"`);
  if (example?.files.length) {
    for (const [name, value] of Object.entries(example.fields)) head.push(`-F ${name}=${value}`);
  } else if (example || one.method === "POST") {
    const fields = example?.fields ?? Object.fromEntries(required.map((name) => [name, "…"]));
    const body = JSON.stringify(fields, null, 2).replaceAll("'", "'\\''");
    head.push(`-H "Content-Type: application/json"`, `-d '${compact(body)}'`);
  }
  const command = `\`\`\`sh\n${head.join(" \\\n  ")}\n\`\`\``;
  const obstacle = whyNotRun(one, command, required);
  return obstacle ? `<!-- not run: ${obstacle} -->\n\n${command}` : command;
}

function requiredFields(one: Declared): string[] {
  return fieldsOf(jsonSchema(one.input!, "input")).filter(({ isRequired }) => isRequired).map(({ path }) =>
    path
  )
    .filter((path) => /^\w+$/.test(path));
}

/** A test runs every command that works unchanged on any stack. */
function whyNotRun(one: Declared, command: string, required: string[]): string | undefined {
  if (command.includes(PICTURE)) return "the picture is yours";
  if (command.includes("@recording")) return "the recording is yours";
  if (one.kind === "feature") return undefined;
  if (required.length > 0 || one.method === "POST") return "the fields are yours";
  return one.auths[0] === "user" ? undefined : "the answer depends on what is set up";
}

/** Objects and lists that fit on one line are written on one line. */
function compact(text: string): string {
  const oneLine = (part: string) => part.replace(/\s*\n\s*/g, " ");
  for (let before = ""; before !== text;) {
    before = text;
    text = text.replace(/[{[][^{}[\]]*\n[^{}[\]]*[}\]]/g, (part) => {
      const line = oneLine(part).replace(/^\[ | \]$/g, (edge) => edge.trim());
      return line.length <= 90 ? line.replaceAll("{", "\u0001").replaceAll("}", "\u0002") : part;
    });
  }
  return text.replaceAll("\u0001", "{").replaceAll("\u0002", "}");
}

/** A Markdown table; `deno fmt` lines it up. */
export function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replace(/<(?!https:)/g, "\\<")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

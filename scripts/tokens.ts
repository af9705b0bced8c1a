import process from "node:process";
import { parseArgs } from "node:util";

import { printableFailure, StackError } from "./local/errors.ts";
import { cleanup, type CommandOptions, get, status, sync, watch } from "./tokens/commands.ts";
import { EXIT, Refusal } from "./tokens/exits.ts";
import { findProject, type Project } from "./tokens/project.ts";
import { explainWhenAsked } from "./local/usage.ts";

const USAGE =
  `deno task tokens sync                copies new and changed tokens from Redis, until all keys are read
deno task tokens status [--check]    counts, newest tokens, tokens that expire soon, unusable ones and why
deno task tokens get <account>       the token of an account; --token prints only the token
deno task tokens cleanup             deactivates expired tokens
deno task tokens rotate-key          re-encrypts everything with the first of TOKEN_ENCRYPTION_KEYS
deno task tokens watch [--every 1800]  a sync every so many seconds, until Ctrl-C

  -- json prints the response as JSON limit 20 how long lists may be url URL the project, with SUPABASE_SECRET_KEY in
  -- the environment; else SUPABASE_URL, else the running local stack

Exit codes: 0 done, 1 failed, 2 wrong usage or no project, 3 no such token, 4 the token has expired,
5 with status --check: a sync is needed. rotate-key reads TOKEN_ENCRYPTION_KEYS here, not in the function.`;

const COMMANDS = {
  sync,
  status,
  get,
  cleanup,
  // The only command that needs more than a request.
  "rotate-key": async (project: Project, options: CommandOptions) =>
    await (await import("./tokens/rotate_key.ts")).rotateKey(project, options),
  watch,
};

explainWhenAsked("tokens", USAGE);

try {
  const { values, positionals: [name, ...rest] } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: "boolean", default: false },
      token: { type: "boolean", default: false },
      check: { type: "boolean", default: false },
      limit: { type: "string", default: "20" },
      every: { type: "string", default: "1800" },
      url: { type: "string" },
    },
  });
  const command = Object.hasOwn(COMMANDS, name ?? "") ? COMMANDS[name as keyof typeof COMMANDS] : undefined;
  if (!command || rest.length !== (name === "get" ? 1 : 0)) throw new StackError(USAGE);
  const project = await findProject(values.url);
  process.exitCode = await command(project, {
    json: values.json,
    tokenAlone: values.token,
    check: values.check,
    account: rest[0] ?? "",
    limit: wholeNumber("limit", values.limit),
    everyS: wholeNumber("every", values.every),
  });
} catch (error) {
  if (error instanceof Refusal) {
    console.error(error.message);
    process.exitCode = error.exitCode;
  } else {
    const isUsage = error instanceof StackError ||
      (error as { code?: string }).code?.startsWith("ERR_PARSE_ARGS");
    console.error(printableFailure(error));
    process.exitCode = isUsage ? EXIT.usage : EXIT.failed;
  }
}

function wholeNumber(name: string, text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number > 0) return number;
  throw new StackError(`Cannot use --${name} ${text}: expected a whole number from 1`);
}

import fc from "fast-check";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";

import { jsonSchema } from "../../scripts/docs/schemas.ts";
import { projectFolder } from "../../scripts/local/paths.ts";
import { connect, stack } from "../support/stack.ts";
import type { Answer } from "../http/support/calls.ts";
import { endpoints, isFeature, isRealtime } from "../http/support/functions_folder.ts";
import { validInputs, withFiles } from "./inputs.ts";
import { gapsIn, type Kind, MATRIX } from "./matrix.ts";
import { withTables } from "./matrix_table.ts";
import {
  BUCKET_ACTIONS,
  type BucketAction,
  type CallerName,
  CALLERS,
  mayDo,
  type Rule,
  TABLE_ACTIONS,
  type TableAction,
} from "./permissions.ts";
import {
  FILE_TEXT,
  type OwnerColumn,
  type PlantedUser,
  plantFile,
  plantUser,
  versionsOf,
} from "./planted.ts";
import { type Credentials, credentialsOf, send } from "./requests.ts";

// Every cell of what the modules declare in permissions/ is tried through HTTP, and judged by its effect.

const sql = connect({ connections: 4 });

const relations = await sql<{ name: string; owner: OwnerColumn | null }[]>`
  select relname as name, (
      select max(attname) from pg_attribute
      where attrelid = pg_class.oid and attname in ('user_id', 'wallet_id') and not attisdropped
    ) as owner
  from pg_class
  where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f')
  order by relname`;
const routines = await sql<{ name: string; parameters: string[]; types: string[] }[]>`
  select proname as name, coalesce(proargnames[1:pronargs - pronargdefaults], '{}') as parameters,
    array(select format_type(type, null) from unnest(proargtypes) as type) as types
  from pg_proc
  where pronamespace = 'public'::regnamespace
    and not exists (select from pg_depend where objid = pg_proc.oid and deptype = 'e')
  order by proname`;
const buckets = await sql<{ name: string }[]>`select id as name from storage.buckets order by id`;
/** Tables with rows of users: of these two users no other test writes one. */
const tableNames = relations.filter(({ owner }) => owner).map(({ name }) => name);

/** A caller, and the column of the declaration with its rights. */
interface Asker {
  what: string;
  column: CallerName;
  /** The user whose things are asked for. */
  target(): PlantedUser;
  credentials(): Credentials;
  /** Shows nothing valid: refused, too, where the publishable key is enough. */
  isUnknown?: true;
}

let userA: PlantedUser;
let userB: PlantedUser;

const asA = () => credentialsOf(userA);
const withRole = (token: string, role: string) => {
  const [head, body, signature] = token.split(".");
  const claims = { ...JSON.parse(atob(body!.replaceAll("-", "+").replaceAll("_", "/"))), role };
  const forged = btoa(JSON.stringify(claims)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return [head, forged, signature].join(".");
};

const askers: Asker[] = [
  {
    what: "nobody signed in, with the publishable key",
    column: "anon",
    target: () => userA,
    credentials: () => ({ apikey: stack.publishableKey }),
  },
  {
    what: "the publishable key as apikey and in Authorization",
    column: "anon",
    target: () => userA,
    credentials: () => ({ apikey: stack.publishableKey, Authorization: `Bearer ${stack.publishableKey}` }),
  },
  {
    what: "nobody, without any key",
    isUnknown: true,
    column: "anon",
    target: () => userA,
    credentials: () => ({}),
  },
  {
    what: "the secret key in Authorization alone",
    isUnknown: true,
    column: "anon",
    target: () => userA,
    credentials: () => ({ Authorization: `Bearer ${stack.secretKey}` }),
  },
  {
    what: "a user's token whose role was changed to service_role",
    isUnknown: true,
    column: "anon",
    target: () => userA,
    credentials: () => ({
      apikey: stack.publishableKey,
      Authorization: `Bearer ${withRole(userA.token, "service_role")}`,
    }),
  },
  { what: "a user for what is its own", column: "own", target: () => userA, credentials: asA },
  { what: "a user for what is another's", column: "others", target: () => userB, credentials: asA },
  {
    what: "a server with the secret key",
    column: "server",
    target: () => userA,
    credentials: () => ({ apikey: stack.secretKey }),
  },
];

beforeAll(async () => {
  [userA, userB] = await Promise.all([plantUser(), plantUser()]);
});

/** Rows of these users with their versions. No other test writes them: they are before a request as they were after the last. */
class Watched {
  #last: unknown[] | undefined;

  constructor(private readonly tables: string[], private readonly users: () => { id: string }[]) {}

  async before(): Promise<unknown[]> {
    return this.#last ??= await this.after();
  }

  async after(): Promise<unknown[]> {
    return this.#last = await versionsOf(sql, this.tables, this.users());
  }

  /** Something else may have changed them. */
  forget(): void {
    this.#last = undefined;
  }
}

function expectDeclared(kind: Kind, found: { name: string }[]): void {
  expect(gapsIn(kind, MATRIX, found.map(({ name }) => name)).join("\n")).toBe("");
}

/** A rule of the declaration. Undeclared objects, which the first tests report, allow nothing. */
function ruleOf<Action extends string>(rules: Record<string, Rule<Action>>, name: string): Rule<Action> {
  return rules[name] ?? { why: "not declared" };
}

describe("what the modules declare", () => {
  it("names every table and view of the database, and no other", () => {
    expect(relations.map(({ name }) => name)).toContain("token_balances");
    expectDeclared("tables", relations);
  });

  it("names every function of the database, and no other", () => {
    expect(routines.map(({ name }) => name)).toContain("add_tokens");
    expectDeclared("routines", routines);
  });

  it("names every bucket, and no other", () => {
    expect(buckets).toContainEqual({ name: "generated" });
    expectDeclared("buckets", buckets);
  });

  it("names every function folder, and no other", () => {
    expectDeclared("endpoints", endpoints);
  });

  it("is what docs/security.md shows", async () => {
    const document = await Deno.readTextFile(join(projectFolder, "docs", "security.md"));
    expect(document, "To make the tables anew: deno run -A scripts/security_table.ts").toBe(
      withTables(document),
    );
  });
});

describe.each(relations)("the table $name", ({ name, owner }) => {
  const watched = new Watched([name], () => [userA, userB]);

  describe.each(askers)("asked by $what", (asker) => {
    it.each(TABLE_ACTIONS)("can be the object of %s exactly as declared", async (action) => {
      const allowed = mayDo(ruleOf(MATRIX.tables, name), asker.column, action) && !asker.isUnknown;
      const before = owner && await watched.before();
      const answer = await touchTable(name, owner, action, asker);
      const after = owner && await watched.after();
      const rows = Array.isArray(answer.body) ? answer.body : [];
      // Tests of other files write rows without a user meanwhile, so the response decides.
      const isChanged = owner ? JSON.stringify(before) !== JSON.stringify(after) : rows.length > 0;
      const hasEffect = action === "read" ? rows.length > 0 : isChanged;
      expect({ hasEffect, answer: answer.text }).toEqual({ hasEffect: allowed, answer: answer.text });
      if (action === "read" && allowed && owner) {
        expect(new Set(rows.map((row) => row[owner]))).toEqual(new Set([asker.target().id]));
      }
    });
  });
});

function touchTable(
  name: string,
  owner: OwnerColumn | null,
  action: TableAction,
  asker: Asker,
): Promise<Answer> {
  const { id } = asker.target();
  const credentials = asker.credentials();
  const rows = `/rest/v1/${name}${owner ? `?${owner}=eq.${id}` : ""}`;
  const body = owner ? { [owner]: id } : {};
  const headers = { Prefer: "return=representation" };
  switch (action) {
    case "read":
      return send(rows, { credentials });
    case "insert":
      return send(`/rest/v1/${name}`, { method: "POST", credentials, headers, body });
    case "update":
      return send(rows, { method: "PATCH", credentials, headers, body });
    case "delete":
      return send(rows, { method: "DELETE", credentials, headers });
  }
}

describe.each(relations.filter(({ owner }) => owner))("the table $name", ({ name, owner }) => {
  it("shows a user who asks for all rows its own and no other's, whatever the filter says", async () => {
    const filters = [
      "",
      `?${owner}=eq.${userB.id}`,
      `?or=(${owner}.eq.${userA.id},${owner}.eq.${userB.id})`,
      `?${owner}=in.(${userA.id},${userB.id})`,
      `?${owner}=in.(${userA.walletId},${userB.walletId})`,
      `?${owner}=not.is.null`,
      "?select=*,token_balances(*)",
    ];
    for (const filter of filters) {
      const { body } = await send(`/rest/v1/${name}${filter}`, { credentials: asA() });
      const owners = (Array.isArray(body) ? body : []).map((row) => row[owner!]);
      expect(owners.filter((id) => id !== userA.id && id !== userA.walletId)).toEqual([]);
    }
  });
});

describe.each(routines)("the database function $name", (routine) => {
  const watched = new Watched(tableNames, () => [userA, userB]);

  it.each(askers)("asked by $what, runs exactly as declared", async (asker) => {
    const allowed = mayDo(ruleOf(MATRIX.routines, routine.name), asker.column, "call") && !asker.isUnknown;
    const before = await watched.before();
    const answer = await send(`/rest/v1/rpc/${routine.name}`, {
      method: "POST",
      credentials: asker.credentials(),
      body: argumentsFor(routine, asker.target().id),
    });
    expect({ hasRun: answer.status < 300, answer: answer.text }).toEqual({
      hasRun: allowed,
      answer: answer.text,
    });
    if (allowed) return watched.forget();
    expect([400, 401, 403, 404]).toContain(answer.status); // 400: a trigger cannot be called at all
    expect(await watched.after()).toEqual(before);
  });
});

/** Arguments that would do something to a user's tokens, were the function to run. */
function argumentsFor(
  { parameters, types }: { parameters: string[]; types: string[] },
  userId: string,
): Record<string, unknown> {
  const operation = {
    operation: "consume",
    request_id: crypto.randomUUID(),
    user_id: userId,
    token_amount: 1,
    operation_type: "meal-analyzer",
  };
  const values: Record<string, unknown> = {
    uuid: userId,
    text: crypto.randomUUID(),
    numeric: 1,
    integer: 1,
    bigint: 1,
    interval: "1 hour",
    jsonb: [operation],
  };
  const byName: Record<string, unknown> = { p_severity: "info", p_metadata: {} };
  return Object.fromEntries(
    parameters.map((name, index) => [name, byName[name] ?? values[types[index]!] ?? null]),
  );
}

/** Another case may have forgotten the user, which closes its account and salon, or taken it out of its wallet, or closed that. */
async function reopenAccount(): Promise<void> {
  const ids = [userA.id, userA.walletId];
  await sql`delete from public.token_accounts where user_id = ${userA.id} and forgotten_at is not null`;
  await sql`update public.token_balances set is_closed = false where user_id = any(${ids}) and is_closed`;
  await sql`update private.wallets set closed_at = null where id = ${userA.walletId} and closed_at is not null`;
  await sql`
    update private.wallet_members set role = 'owner', removed_at = null
    where wallet_id = ${userA.walletId} and user_id = ${userA.id} and (role <> 'owner' or removed_at is not null)`;
  const [, salonId] = userA.filePath.split("/");
  await sql`
    update public.salons set owner_id = ${userA.id}, is_active = true, deleted_at = null
    where id = ${salonId!} and deleted_at is not null`;
  await sql`
    insert into public.salon_members (salon_id, user_id, role) values (${salonId!}, ${userA.id}, 'owner')
    on conflict do nothing`;
}

describe.each(buckets)("the bucket $name", ({ name: bucket }) => {
  beforeEach(async () => {
    await reopenAccount();
    await Promise.all([userA, userB].map((user) => plantFile(bucket, user)));
  });

  describe.each(askers)("asked by $what", (asker) => {
    it.each(BUCKET_ACTIONS)("can be the object of %s exactly as declared", async (action) => {
      const allowed = mayDo(ruleOf(MATRIX.buckets, bucket), asker.column, action);
      const before = await storageOf(bucket);
      const [answer, hasShown] = await touchBucket(bucket, action, asker);
      const hasChanged = JSON.stringify(await storageOf(bucket)) !== JSON.stringify(before);
      const hasEffect = isReading(action) ? hasShown : hasChanged;
      expect({ hasEffect, status: answer.status, text: answer.text })
        .toEqual({ hasEffect: allowed, status: answer.status, text: answer.text });
    });
  });
});

/** The files of both users and the bucket's settings, with the rows' versions. */
async function storageOf(bucket: string): Promise<unknown> {
  const folders = [`${userA.id}/%`, `${userB.id}/%`];
  return {
    bucket:
      await sql`select xmin::text, to_jsonb(one) as row from storage.buckets as one where id = ${bucket}`,
    files: await sql`
      select xmin::text, name, metadata from storage.objects
      where bucket_id = ${bucket} and name like any(${folders}) order by name`,
  };
}

function isReading(action: BucketAction): boolean {
  return ["list", "download", "sign"].includes(action);
}

/** Tries something with a file of the target's, and tells whether the answer shows what it asked for. */
async function touchBucket(
  bucket: string,
  action: BucketAction,
  asker: Asker,
): Promise<[answer: Answer, hasShown: boolean]> {
  const credentials = asker.credentials();
  const target = asker.target();
  const path = `${bucket}/${target.filePath}`;
  const picture = { "Content-Type": "image/png" };
  switch (action) {
    case "list": {
      const folder = target.filePath.split("/").slice(0, 2).join("/");
      const body = { prefix: folder, limit: 10 };
      const answer = await send(`/storage/v1/object/list/${bucket}`, { method: "POST", credentials, body });
      return [answer, Array.isArray(answer.body) && answer.body.length > 0];
    }
    case "download": {
      const ways = ["object", "object/authenticated", "object/public", "render/image/public"];
      const answers = await Promise.all(
        ways.map((way) => send(`/storage/v1/${way}/${path}`, { credentials })),
      );
      const shown = answers.find(({ text }) => text.includes(FILE_TEXT));
      return [shown ?? answers[0]!, shown !== undefined];
    }
    case "sign": {
      const body = { expiresIn: 60 };
      const answer = await send(`/storage/v1/object/sign/${path}`, { method: "POST", credentials, body });
      const address = answer.body?.signedURL;
      return [answer, Boolean(address) && (await send(`/storage/v1${address}`)).text.includes(FILE_TEXT)];
    }
    case "upload": {
      const newPath = path.replace(/1\.png$/, `${crypto.randomUUID()}.png`);
      return [
        await send(`/storage/v1/object/${newPath}`, {
          method: "POST",
          credentials,
          headers: picture,
          body: "x",
        }),
        false,
      ];
    }
    case "overwrite":
      return [
        await send(`/storage/v1/object/${path}`, {
          method: "PUT",
          credentials,
          headers: { ...picture, "x-upsert": "true" },
          body: FILE_TEXT,
        }),
        false,
      ];
    case "remove": {
      const body = { prefixes: [target.filePath] };
      return [await send(`/storage/v1/object/${bucket}`, { method: "DELETE", credentials, body }), false];
    }
    case "configure": {
      // As it is: other tests read its files meanwhile. The row's version tells whether it was written.
      const [is] = await sql`select public from storage.buckets where id = ${bucket}`;
      const body = { public: is!.public };
      return [await send(`/storage/v1/bucket/${bucket}`, { method: "PUT", credentials, body }), false];
    }
  }
}

describe.each(endpoints)("the endpoint $name", (declared) => {
  const { name, method, input, auth } = declared;
  const isForAnybody = [auth].flat().includes("none");
  const watched = new Watched(tableNames, () => [userB, { id: userB.walletId }]);
  const isOfWallet = "wallet_id" in (jsonSchema(input, "input").properties ?? {});

  beforeEach(reopenAccount);

  it.each(askers)("asked by $what, answers and charges exactly as declared", async (asker) => {
    const rule = ruleOf(MATRIX.endpoints, name);
    const { id, walletId } = asker.target();
    const [sample] = fc.sample(validInputs(input), { numRuns: 1, seed: 1 }) as [Record<string, unknown>];
    const before = await watched.before();
    const wallet: Record<string, string> = isOfWallet ? { wallet_id: walletId } : {};
    const query = new URLSearchParams({ user_id: id, ...method === "GET" && wallet });
    const answer = await send(`/functions/v1/${name}?${query}`, {
      method,
      credentials: asker.credentials(),
      headers: { "X-User-Id": id },
      body: method === "GET" ? undefined : withFiles({ ...sample, ...wallet, user_id: id, sub: id }),
    });
    // A user who names another one is served for itself; who names another's wallet is not.
    const column = asker.column === "others" && !isOfWallet ? "own" : asker.column;
    const isServed = ![401, 403].includes(answer.status);
    expect({ isServed, answer: answer.text }).toEqual({
      isServed: mayDo(rule, column, "call") && (isForAnybody || !asker.isUnknown),
      answer: answer.text,
    });
    // Who may talk is asked for a WebSocket, which this is not; the conversation itself is in tests/http.
    if (isServed && isFeature(declared)) expect(answer.status).toBe(200);
    if (isServed && isRealtime(declared)) expect(answer.status).toBe(426);
    if (!isServed) expect(answer.body.error).toBe(column === "others" ? "forbidden" : "unauthorized");
    expect(answer.text).not.toContain(userB.id);
    if (mayDo(rule, "others", "call")) return watched.forget();
    expect(await watched.after()).toEqual(before);
  });

  if (!declared.takesWallet || isRealtime(declared)) return;

  it(
    "lets no user spend from, or look into, a wallet of a team that it is not in",
    async () => {
      const [sample] = fc.sample(validInputs(input), { numRuns: 1, seed: 1 }) as [Record<string, unknown>];
      const before = await watched.before();
      const query = method === "GET" ? `?${new URLSearchParams(sample as Record<string, string>)}` : "";
      const answer = await send(`/functions/v1/${name}${query}`, {
        method,
        credentials: asA(),
        headers: { "Tessera-Wallet": userB.walletId },
        body: method === "GET" ? undefined : withFiles({ ...sample }),
      });
      expect({ error: answer.body?.error, text: answer.text })
        .toEqual({ error: name === "account/why" ? "not_found" : "forbidden", text: answer.text });
      expect(await watched.after()).toEqual(before);
    },
  );
});

describe("what is not of the project's schema", () => {
  const hidden = ["auth", "storage", "extensions", "supabase_migrations", "pg_catalog", "information_schema"];

  it.each(hidden)("the schema %s is not served by REST", async (schema) => {
    for (const asker of askers) {
      for (const table of ["users", "objects", "buckets", "refresh_tokens", "pg_authid", "tables"]) {
        const headers = { "Accept-Profile": schema, "Content-Profile": schema };
        const answer = await send(`/rest/v1/${table}`, { credentials: asker.credentials(), headers });
        expect({ table, isRefused: answer.status >= 400, text: answer.text })
          .toEqual({ table, isRefused: true, text: answer.text });
      }
    }
  });

  it.each(["/", "/studio", "/pg/tables", "/graphql/v1", "/admin/v1/tables", "/tessera/functions-port/1"])(
    "%s is not served at the project's address",
    async (path) => {
      for (const asker of askers) {
        for (const method of ["GET", "PUT"]) {
          const answer = await send(path, {
            method,
            credentials: asker.credentials(),
            headers: { "x-tessera-caller": stack.secretKey },
          });
          expect({ path, status: answer.status }).toEqual({ path, status: 404 });
        }
      }
    },
  );
});

it("every column of the declaration is tried by a caller", () => {
  expect(new Set(askers.map(({ column }) => column))).toEqual(new Set(Object.keys(CALLERS)));
});

import type postgres from "postgres";

const PATH = /^\/auth\/v1\/admin\/users(?:\/([^/]*))?\/?$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const PER_PAGE = { otherwise: 50, most: 1_000 };
/** What bcrypt takes. */
const MAX_PASSWORD_BYTES = 72;

/** What a new user may be given; Auth has more, which nothing here can keep. */
interface NewUser {
  email: string;
  password: string;
  email_confirm: boolean;
  user_metadata: Record<string, unknown>;
  app_metadata: Record<string, unknown>;
}

/**
 * Auth's admin API for users, which lite does not have: to make, read, list and delete them, with the secret key. Undefined
 * for any other request.
 */
export function answerAdminUsers(
  request: Request,
  sql: postgres.Sql,
  secretKey: string,
): Promise<Response> | undefined {
  const url = new URL(request.url);
  const match = PATH.exec(url.pathname);
  if (!match) return undefined;
  return answer(request, sql, secretKey, match[1], url.searchParams);
}

async function answer(
  request: Request,
  sql: postgres.Sql,
  secretKey: string,
  id: string | undefined,
  query: URLSearchParams,
): Promise<Response> {
  if (keyOf(request) !== secretKey) {
    return refusal(401, "no_authorization", "This endpoint requires a valid Bearer token");
  }
  if (id === undefined) {
    if (request.method === "POST") return await createUser(sql, await request.json().catch(() => ({})));
    if (request.method === "GET") return await listUsers(sql, query);
  } else {
    if (!UUID.test(id)) return refusal(404, "validation_failed", "user_id must be an UUID");
    if (request.method === "GET") return await readUser(sql, id);
    if (request.method === "DELETE") {
      const [deleted] = await sql`delete from auth.users where id = ${id} returning id`;
      return deleted ? Response.json({}) : notFound();
    }
  }
  return refusal(405, "method_not_allowed", `The local stack does not serve ${request.method} here`);
}

async function createUser(sql: postgres.Sql, wish: Partial<NewUser>): Promise<Response> {
  const { email, password, email_confirm: isConfirmed = false, user_metadata = {}, app_metadata = {} } = wish;
  if (typeof email !== "string" || !/^[^@\s]+@[^@\s]+$/.test(email)) {
    return refusal(400, "validation_failed", "Cannot create a user without an email");
  }
  if (password !== undefined && (typeof password !== "string" || password.length > MAX_PASSWORD_BYTES)) {
    return refusal(422, "weak_password", `Password cannot be longer than ${MAX_PASSWORD_BYTES} characters`);
  }
  const address = email.toLowerCase();
  const id = crypto.randomUUID();
  const app = { provider: "email", providers: ["email"], ...app_metadata };
  const identity = { sub: id, email: address, email_verified: isConfirmed, phone_verified: false };
  const isNew = await sql.begin(async (transaction) => {
    const [found] = await transaction`select from auth.users where lower(email) = ${address}`;
    if (found) return false;
    await transaction`
      insert into auth.users (
        id, aud, role, email, encrypted_password, email_confirmed_at, raw_app_meta_data,
        raw_user_meta_data, email_change_confirm_status, is_sso_user, is_anonymous, created_at, updated_at
      ) values (
        ${id}, 'authenticated', 'authenticated', ${address},
        extensions.crypt(${password ?? crypto.randomUUID()}, extensions.gen_salt('bf', 8)),
        case when ${isConfirmed} then now() end,
        ${transaction.json(app as never)}, ${transaction.json({ ...identity, ...user_metadata } as never)},
        0, false, false, now(), now()
      )`;
    await transaction`
      insert into auth.identities (id, provider, provider_id, user_id, identity_data, created_at, updated_at)
      values (gen_random_uuid(), 'email', ${id}, ${id}, ${transaction.json(identity)}, now(), now())`;
    return true;
  });
  if (isNew) return await readUser(sql, id);
  return refusal(422, "email_exists", "A user with this email address has already been registered");
}

async function readUser(sql: postgres.Sql, id: string): Promise<Response> {
  const [user] = await sql`${userColumns(sql)} where id = ${id}`;
  return user ? Response.json(user) : notFound();
}

async function listUsers(sql: postgres.Sql, query: URLSearchParams): Promise<Response> {
  const page = Math.max(1, Number(query.get("page")) || 1);
  const perPage = Math.max(1, Math.min(Number(query.get("per_page")) || PER_PAGE.otherwise, PER_PAGE.most));
  const users = await sql`
    ${userColumns(sql)} order by created_at desc, id limit ${perPage} offset ${(page - 1) * perPage}`;
  return Response.json({ users, aud: "authenticated" });
}

/** A user as Auth shows it. */
function userColumns(sql: postgres.Sql) {
  return sql`
    select id, aud, role, email, coalesce(phone, '') as phone, email_confirmed_at, confirmed_at, last_sign_in_at,
      raw_app_meta_data as app_metadata, raw_user_meta_data as user_metadata, is_anonymous, created_at, updated_at
    from auth.users`;
}

function keyOf({ headers }: Request): string | null {
  return /^Bearer (.+)$/i.exec(headers.get("authorization") ?? "")?.[1] ?? headers.get("apikey");
}

function notFound(): Response {
  return refusal(404, "user_not_found", "User not found");
}

function refusal(status: number, code: string, message: string): Response {
  return Response.json({ code: status, error_code: code, msg: message }, { status });
}

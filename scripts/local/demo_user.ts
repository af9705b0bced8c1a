import { StackError } from "./errors.ts";

/** The user of the first commands in the README. */
export interface DemoUser {
  email: string;
  password: string;
  /** The user's available tokens. */
  balance: number;
}

/** The parts of the running stack that are needed to create the user. */
interface Project {
  url: string;
  publishableKey: string;
  secretKey: string;
  password: string;
}

const EMAIL = "demo@example.com";
const TOKENS = 1_000;
/** Below this balance the user gets TOKENS more: enough for some calls of each feature. */
const LOW_TOKENS = 200;

/** Signs the demo user in or up, and grants tokens if few are left. Throws StackError with what was refused. */
export async function ensureDemoUser(
  { url, publishableKey, secretKey, password }: Project,
): Promise<DemoUser> {
  const credentials = { email: EMAIL, password };
  const post = async (path: string, key: string, body: unknown) => {
    const response = await fetch(url + path, {
      method: "POST",
      headers: { "apikey": key, "authorization": `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return { isOk: response.ok, status: response.status, answer: await response.json() };
  };
  const signIn = () => post("/auth/v1/token?grant_type=password", publishableKey, credentials);
  let session = await signIn();
  if (!session.isOk) {
    const signUp = await post("/auth/v1/signup", publishableKey, credentials);
    session = signUp.isOk && !signUp.answer.access_token ? await signIn() : signUp;
  }
  const userId = session.answer.user?.id;
  if (!userId) throw refused("sign in", session);

  const balance = async () => {
    const response = await fetch(`${url}/rest/v1/token_balances?user_id=eq.${userId}&select=balance,held`, {
      headers: { apikey: secretKey, authorization: `Bearer ${secretKey}` },
    });
    const rows = await response.json();
    if (!response.ok) throw refused("read the balance of", { status: response.status, answer: rows });
    return rows.length === 0 ? 0 : rows[0].balance - rows[0].held;
  };
  const before = await balance();
  if (before >= LOW_TOKENS) return { ...credentials, balance: before };
  const grant = await post("/rest/v1/rpc/add_tokens", secretKey, {
    p_user_id: userId,
    p_amount: TOKENS,
    p_reason: "demo",
    p_request_id: `demo:${crypto.randomUUID()}`,
  });
  if (!grant.isOk || !grant.answer.success) throw refused("grant tokens to", grant);
  return { ...credentials, balance: await balance() };
}

function refused(what: string, { status, answer }: { status: number; answer: unknown }): StackError {
  return new StackError(`Cannot ${what} the demo user: ${status} ${JSON.stringify(answer)}`);
}

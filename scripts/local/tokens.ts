import { createLocalJWKSet, decodeJwt, importJWK, jwtVerify, SignJWT } from "jose";
import { ShortMemory } from "../../supabase/functions/_shared/platform/short_memory.ts";
import { publicKeySet, type Secrets } from "./secrets.ts";

/** The bounds of the token cache: entries per direction, and the longest token. */
const MEMORY = { maxBytes: 16 * 1024 * 1024, maxKeyCharacters: 4 * 1024 };
/** The audience of a user's token, as Auth writes it. */
const USER_AUDIENCE = "authenticated";

/**
 * Exchanges users' tokens at the gateway. Lite only signs and verifies HS256, but functions of a project with signing
 * keys see ES256; so a token gets another signature on the way and keeps its claims.
 */
export class TokenExchange {
  readonly #forFunctions = new ShortMemory<string>(MEMORY);
  readonly #forServices = new ShortMemory<string>(MEMORY);
  readonly #issuer: string;
  readonly #secret: Uint8Array;
  readonly #keySet: ReturnType<typeof createLocalJWKSet>;
  readonly #signingKey: Promise<CryptoKey>;
  readonly #keyId: string;

  constructor(secrets: Secrets, url: string) {
    this.#issuer = `${url}/auth/v1`;
    this.#secret = new TextEncoder().encode(secrets.jwtSecret);
    this.#keySet = createLocalJWKSet(publicKeySet(secrets));
    this.#signingKey = importJWK(secrets.signingKey, "ES256") as Promise<CryptoKey>;
    this.#keyId = secrets.signingKey.kid;
  }

  /** The Authorization value for functions: a valid HS256 user token becomes ES256, anything else is unchanged. */
  forFunctions(authorization: string): string | Promise<string> {
    return this.#exchange(authorization, "HS256", this.#forFunctions, async (token) => {
      const { payload } = await jwtVerify(token, this.#secret, {
        algorithms: ["HS256"],
        audience: USER_AUDIENCE,
      });
      return new SignJWT({ ...payload, iss: this.#issuer })
        .setProtectedHeader({ alg: "ES256", kid: this.#keyId, typ: "JWT" })
        .sign(await this.#signingKey);
    });
  }

  /** The Authorization value for REST, Auth and Storage: one of our ES256 tokens becomes HS256. */
  forServices(authorization: string): string | Promise<string> {
    if (isLitesOtherToken(authorization)) return "Bearer not-a-user-token";
    return this.#exchange(authorization, "ES256", this.#forServices, async (token) => {
      const { payload } = await jwtVerify(token, this.#keySet, {
        algorithms: ["ES256"],
        issuer: this.#issuer,
      });
      return new SignJWT(payload).setProtectedHeader({ alg: "HS256", typ: "JWT" }).sign(this.#secret);
    });
  }

  #exchange(
    authorization: string,
    fromAlgorithm: string,
    cache: ShortMemory<string>,
    sign: (token: string) => Promise<string>,
  ): string | Promise<string> {
    const token = bearerToken(authorization);
    if (!token) return authorization;
    const known = cache.get(token);
    if (known) return `Bearer ${known}`;
    if (algorithmOf(token) !== fromAlgorithm) return authorization;
    return remember(cache, token, sign).then((exchanged) => `Bearer ${exchanged}`, () => authorization);
  }
}

/**
 * Lite signs Storage URLs with the secret of users' tokens and the file's path as the subject: for a file named like
 * a user's id, that would be a token of that user. But these signatures have no audience.
 */
function isLitesOtherToken(authorization: string): boolean {
  const token = bearerToken(authorization);
  if (!token || algorithmOf(token) !== "HS256") return false;
  try {
    return decodeJwt(token).aud !== USER_AUDIENCE;
  } catch {
    return false;
  }
}

function bearerToken(authorization: string): string | undefined {
  return /^Bearer +(\S+)$/i.exec(authorization)?.[1];
}

async function remember(
  cache: ShortMemory<string>,
  token: string,
  sign: (token: string) => Promise<string>,
): Promise<string> {
  const exchanged = await sign(token);
  const { exp } = decodeJwt(exchanged);
  if (exp !== undefined) cache.set(token, exchanged, exp * 1_000, { valueBytes: exchanged.length });
  return exchanged;
}

function algorithmOf(token: string): string | undefined {
  try {
    const header = token.slice(0, token.indexOf(".")).replaceAll("-", "+").replaceAll("_", "/");
    return JSON.parse(atob(header)).alg;
  } catch {
    return undefined;
  }
}

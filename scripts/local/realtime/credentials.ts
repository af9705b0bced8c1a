import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, errors, jwtVerify } from "jose";
import { publicKeySet, type Secrets } from "../secrets.ts";

/** What a token says of its bearer. */
export interface Claims {
  role: string;
  exp: number;
  sub?: string;
  [name: string]: unknown;
}

/** A token that is refused, with the real server's code and words. */
export class RefusedToken extends Error {
  /**
   * @param code The code with which the refusal of a join begins.
   * @param atRenewal The words with which a channel ends when it is given this token.
   */
  constructor(readonly code: string, message: string, readonly atRenewal = message) {
    super(message);
  }
}

const MISSING_CLAIMS = "Fields `role` and `exp` are required in JWT";
/** API keys never expire: the year 2100. */
const KEY_EXPIRY_S = 4_102_444_800;

/** Judges API keys and tokens: the project's own keys, and JWTs that are signed with its secret or its signing key. */
export class Credentials {
  readonly #secret: Uint8Array;
  readonly #keySet: ReturnType<typeof createLocalJWKSet>;
  readonly #byKey: Map<string, Claims>;

  constructor(secrets: Secrets) {
    this.#secret = new TextEncoder().encode(secrets.jwtSecret);
    this.#keySet = createLocalJWKSet(publicKeySet(secrets));
    this.#byKey = new Map([
      [secrets.publishableKey, { role: "anon", exp: KEY_EXPIRY_S }],
      [secrets.secretKey, { role: "service_role", exp: KEY_EXPIRY_S }],
    ]);
  }

  /** The claims of an API key or of a user's token; throws RefusedToken. */
  async claimsOf(token: string): Promise<Claims> {
    return this.#byKey.get(token) ?? await this.#verified(token.replace(/\s/g, ""));
  }

  async #verified(token: string): Promise<Claims> {
    let algorithm: string | undefined;
    let unverified: { exp?: unknown };
    try {
      algorithm = decodeProtectedHeader(token).alg;
      unverified = decodeJwt(token);
    } catch {
      throw new RefusedToken("MalformedJWT", "The token provided is not a valid JWT");
    }
    try {
      const { payload } = algorithm?.startsWith("HS")
        ? await jwtVerify(token, this.#secret)
        : await jwtVerify(token, this.#keySet);
      if (typeof payload.role !== "string" || typeof payload.exp !== "number") {
        throw new RefusedToken("InvalidJWTToken", MISSING_CLAIMS);
      }
      return payload as Claims;
    } catch (error) {
      if (error instanceof RefusedToken) throw error;
      if (error instanceof errors.JWTExpired) throw expired(Number(unverified.exp));
      if (error instanceof errors.JWSSignatureVerificationFailed) {
        throw new RefusedToken("JwtSignatureError", "Failed to validate JWT signature", ":signature_error");
      }
      throw new RefusedToken(
        "JwtSignerError",
        "Failed to generate JWT signer, check your JWT secret or JWKS configuration",
      );
    }
  }
}

/** The refusal of a token that has expired. */
export function expired(exp: number, nowMs: number = Date.now()): RefusedToken {
  const seconds = Math.max(0, Math.floor(nowMs / 1_000) - exp);
  return new RefusedToken("InvalidJWTToken", `Token has expired ${seconds} seconds ago`);
}

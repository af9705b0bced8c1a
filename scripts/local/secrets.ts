import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { exportJWK, generateKeyPair, type JWK } from "jose";

/** The random secrets of a data folder, as stored in secrets.json. */
export interface Secrets {
  publishableKey: string;
  secretKey: string;
  /** The HS256 secret with which lite signs; nothing outside lite and the gateway sees it. */
  jwtSecret: string;
  /** The project's ES256 key, private part included. */
  signingKey: JWK & { kid: string };
  postgresPassword: string;
  adminPassword: string;
  litePassword: string;
  authenticatorPassword: string;
  studioToken: string;
  /** The gateway's credential for lite, so that lite serves no other local program. */
  gatewayToken: string;
  /** The Studio proxy's credential for lite, which makes it an administrator. */
  adminToken: string;
  demoModelKey: string;
  demoUserPassword: string;
  /** Each 32 bytes, in base64. */
  tokenEncryptionKey: string;
  otpPepper: string;
  /** Signs proofs of verified codes: an ES256 key, private part included. */
  otpProofKey: JWK & { kid: string };
  /** The secret of Auth's Send SMS hook, in Auth's form. */
  smsHookSecret: string;
}

/** Path of the secrets in a data folder. */
export function secretsFile(dataFolder: string): string {
  return join(dataFolder, "secrets.json");
}

/** Reads the secrets of a data folder. */
export async function readSecrets(dataFolder: string): Promise<Secrets> {
  return JSON.parse(await Deno.readTextFile(secretsFile(dataFolder)));
}

/** Reads the secrets of a data folder, and first creates the missing ones. */
export async function ensureSecrets(dataFolder: string): Promise<Secrets> {
  const known = await readSecrets(dataFolder).catch((error): Partial<Secrets> => {
    if (error instanceof Deno.errors.NotFound) return {};
    throw error;
  });
  const generated = await generateSecrets();
  const secrets = { ...generated, ...known };
  if (Object.keys(generated).every((name) => name in known)) return secrets;
  const temporary = `${secretsFile(dataFolder)}.${crypto.randomUUID()}`;
  await Deno.writeTextFile(temporary, JSON.stringify(secrets, null, 2), { mode: 0o600, createNew: true });
  await Deno.rename(temporary, secretsFile(dataFolder));
  return secrets;
}

/** The public half of the signing key, as a project publishes it. */
export function publicKeySet(secrets: Secrets): { keys: JWK[] } {
  const { d: _private, ...publicKey } = secrets.signingKey;
  return { keys: [{ ...publicKey, key_ops: ["verify"] }] };
}

async function generateSecrets(): Promise<Secrets> {
  return {
    publishableKey: `sb_publishable_${random(16)}`,
    secretKey: `sb_secret_${random(16)}`,
    jwtSecret: random(32),
    signingKey: await generateSigningKey(),
    postgresPassword: random(16),
    adminPassword: random(16),
    litePassword: random(16),
    authenticatorPassword: random(16),
    studioToken: random(16),
    gatewayToken: random(16),
    adminToken: random(16),
    demoModelKey: random(16),
    demoUserPassword: random(8),
    tokenEncryptionKey: randomBytes(32).toString("base64"),
    otpPepper: randomBytes(32).toString("base64"),
    otpProofKey: await generateSigningKey(),
    smsHookSecret: `v1,whsec_${randomBytes(32).toString("base64")}`,
  };
}

async function generateSigningKey(): Promise<JWK & { kid: string }> {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  return { ...await exportJWK(privateKey), kid: crypto.randomUUID(), alg: "ES256", use: "sig" };
}

/** Letters and digits only, so that a secret needs no escaping in a URL, a shell or SQL. */
function random(bytes: number): string {
  return randomBytes(bytes).toString("hex");
}

/**
 * A key for one call. Pages without https have no `crypto.randomUUID`, and React Native has no `crypto` at all: a key
 * need not be secret, only different for each call of a user.
 */
export function newKey(): string {
  const { crypto } = globalThis as { crypto?: Partial<Crypto> };
  if (crypto?.randomUUID !== undefined) return crypto.randomUUID();
  const bytes = new Uint8Array(16);
  if (crypto?.getRandomValues !== undefined) crypto.getRandomValues(bytes);
  else bytes.forEach((_, at) => bytes[at] = Math.floor(Math.random() * 256));
  const random = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${Date.now().toString(36)}-${random}`;
}

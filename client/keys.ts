/**
 * A key for one call. Pages without https have no `crypto.randomUUID`, and React Native has no `crypto` at all: a key
 * need not be secret, only different for each call of a user.
 */
export function newKey(): string {
  const { crypto } = globalThis as { crypto?: Partial<Crypto> };
  if (crypto?.randomUUID !== undefined) return crypto.randomUUID();
  return `${Date.now().toString(36)}-${randomHex()}`;
}

/** The same as a UUID (RFC 9562, version 4), where nothing else is taken. */
export function newUuid(): string {
  const [, a, b, c, d] = /^(.{8})(.{4}).(.{3}).(.{15})$/.exec(randomHex())!;
  return `${a}-${b}-4${c}-8${d!.slice(0, 3)}-${d!.slice(3)}`;
}

function randomHex(): string {
  const { crypto } = globalThis as { crypto?: Partial<Crypto> };
  const bytes = new Uint8Array(16);
  if (crypto?.getRandomValues !== undefined) crypto.getRandomValues(bytes);
  else bytes.forEach((_, at) => bytes[at] = Math.floor(Math.random() * 256));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

import { AppError } from "../platform/errors.ts";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * The wallet of a team that the header `Tessera-Wallet` names; null for the caller's own, which pays without the
 * header and may be named too. A value that a proxy duplicated arrives as `id, id`.
 */
export function walletOf(headers: Headers, userId: string): string | null {
  const header = headers.get("Tessera-Wallet");
  if (header === null) return null;
  const ids = new Set(header.toLowerCase().split(",").map((id) => id.trim()));
  const [id] = ids;
  if (ids.size > 1 || !UUID.test(id!)) {
    throw new AppError("invalid_request", "Tessera-Wallet must be the id of a wallet");
  }
  return id === userId.toLowerCase() ? null : id!;
}

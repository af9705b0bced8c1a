/** What a key in Redis is for. */
export type KeyType = "main" | "sub_account" | "auth";

/** An account's place among the accounts of its broker. */
export interface Place {
  mainAccount: string;
  keyType: KeyType;
}

/** How brokers name the accounts below a main account; the first match wins. Add an entry for a new broker. */
const SUB_ACCOUNTS: { pattern: RegExp; mainAccount: (id: string) => string }[] = [
  // Apex: PAAPEX2720450000001 is the performance account 0000001 of the trader 272045, whose main account is APEX_272045.
  { pattern: /^PAAPEX(\d{1,12})\d{7}$/, mainAccount: (id) => `APEX_${id}` },
];

/** A token that opens sessions is named after its account: auth:APEX_272045, APEX_272045:auth or APEX_272045_auth. */
const AUTH = /^auth[:_](.+)$|^(.+)[:_]auth$/;

/**
 * The main account of an account: by its broker's rule, else the account itself. A token for opening sessions belongs
 * to the main account of its account.
 */
export function placeOf(accountName: string): Place {
  const [, before, after] = AUTH.exec(accountName) ?? [];
  const authOf = before ?? after;
  if (authOf !== undefined) return { mainAccount: placeOf(authOf).mainAccount, keyType: "auth" };
  for (const { pattern, mainAccount } of SUB_ACCOUNTS) {
    const id = pattern.exec(accountName)?.[1];
    if (id !== undefined) return { mainAccount: mainAccount(id), keyType: "sub_account" };
  }
  return { mainAccount: accountName, keyType: "main" };
}

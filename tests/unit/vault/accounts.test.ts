import { expect, it } from "vitest";

import { placeOf } from "../../../supabase/functions/_vault/accounts.ts";

it.each([
  ["PAAPEX2720450000001", "APEX_272045", "sub_account"],
  ["PAAPEX1361890000012", "APEX_136189", "sub_account"],
  ["PAAPEX10000000", "APEX_1", "sub_account"],
  ["APEX_272045", "APEX_272045", "main"],
  // Seven digits are the number of the performance account: nothing is left for the trader.
  ["PAAPEX0000001", "PAAPEX0000001", "main"],
  ["PAAPEX272045000000x", "PAAPEX272045000000x", "main"],
  ["paapex2720450000001", "paapex2720450000001", "main"],
  ["auth:APEX_272045", "APEX_272045", "auth"],
  ["APEX_272045:auth", "APEX_272045", "auth"],
  ["APEX_272045_auth", "APEX_272045", "auth"],
  ["auth:PAAPEX2720450000001", "APEX_272045", "auth"],
  ["someone@example.com", "someone@example.com", "main"],
])("the account %s belongs to %s, its key is of type %s", (account, mainAccount, keyType) => {
  expect(placeOf(account)).toEqual({ mainAccount, keyType });
});

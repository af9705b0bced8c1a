import type { z } from "zod";

import type { RpcArguments, RpcName } from "../_shared/database/rpc.ts";
import { defineEndpoint, type Endpoint, type EndpointSpec } from "../_shared/endpoint.ts";
import { Done } from "./inputs.ts";
import { change } from "./outcome.ts";

interface ChangeSpec<Name extends RpcName, Input extends z.ZodType>
  extends Pick<EndpointSpec<Input>, "name" | "callLimit" | "input" | "codes"> {
  /** The arguments of the database's function besides the user and the wallet. */
  args(input: z.output<Input>, userId: string): Omit<RpcArguments<Name>, "p_user_id" | "p_wallet_id">;
}

/**
 * An endpoint by which the signed-in user changes a wallet: one call of a function of the database. The response says
 * no more than that it is done.
 */
export function defineChange<Name extends RpcName, Input extends z.ZodType<{ wallet_id: string }>>(
  rpc: Name,
  { args, ...spec }: ChangeSpec<Name, Input>,
): Endpoint<Input> {
  return defineEndpoint({
    ...spec,
    auth: "user",
    method: "POST",
    output: Done,
    async handle({ caller, input }) {
      const all = { p_user_id: caller.userId, p_wallet_id: input.wallet_id, ...args(input, caller.userId) };
      await change(rpc, all as unknown as RpcArguments<Name>);
      return Response.json({ success: true });
    },
  });
}

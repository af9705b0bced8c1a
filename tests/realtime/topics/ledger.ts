import type postgres from "postgres";

import { newId, run } from "../../sql/support.ts";
import { act, remove, type Team, Teams } from "../../sql/wallet_support.ts";
import { TOPIC_ACTIONS, type TopicKind } from "../support/topics.ts";

const POLICIES = ["who may read a wallet hears of its balance"];
const HEARS = ["join", "hear"] as const;

export default {
  "a user's own wallet": {
    policies: POLICIES,
    may: { nobody: [], server: TOPIC_ACTIONS, owner: HEARS, other: [] },
    async open(sql: postgres.Sql) {
      const [owner, other] = [newId(), newId()];
      const { ledger } = new Teams(sql);
      await ledger.add(owner, 1_000);
      await run(sql, act("watch_wallet", owner, owner));
      return {
        topic: `wallet:${owner}`,
        users: { owner, other },
        tell: async () => {
          await ledger.consume(owner, 1);
          return "balance";
        },
        remove: () => Promise.reject(new Error("nobody loses its own wallet")),
      };
    },
  },
  "a team's wallet": {
    policies: POLICIES,
    may: {
      nobody: [],
      server: TOPIC_ACTIONS,
      owner: HEARS,
      admin: HEARS,
      member: HEARS,
      viewer: HEARS,
      other: [],
      "member of another team": [],
      removed: [],
    },
    async open(sql: postgres.Sql) {
      const teams = new Teams(sql);
      const [team, otherTeam] = [await teams.open({ tokens: 1_000 }), await teams.open()];
      const users = {
        owner: team.owner,
        admin: await team.join("admin"),
        member: await team.join(),
        viewer: await team.join("viewer"),
        other: newId(),
        "member of another team": await otherTeam.join(),
        removed: await team.join(),
      };
      const leave = (user: string) => removeFrom(teams, team, user);
      await leave(users.removed);
      await run(sql, act("watch_wallet", team.owner, team.wallet));
      return {
        topic: `wallet:${team.wallet}`,
        users,
        tell: async () => {
          await teams.ledger.consume(team.wallet, 1);
          return "balance";
        },
        remove: leave,
      };
    },
  },
} satisfies Record<string, TopicKind>;

async function removeFrom(teams: Teams, team: Team, user: string): Promise<void> {
  const { success, error } = await teams.do(remove(team.owner, team.wallet, user));
  if (!success) throw new Error(`cannot remove: ${error}`);
}

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Buffer } from "node:buffer";
import { afterAll } from "vitest";

import { stack } from "../../support/stack.ts";

/** A call of the ledger by its name; `any` of them, batches of several included. */
export type Rpc = "admit_request" | "settle_tokens" | "release_tokens" | "any";

/** `before`: the call never reaches the ledger. `after`: it does its work there, and the acknowledgement is lost. */
export type Loss = "before" | "after";

/** A proxy between a functions process and the project, which loses ledger calls on demand. */
export interface LedgerProxy {
  /** For SUPABASE_URL. */
  url: string;
  /** Loses a user's calls of an RPC: so many, or all until it is mended. */
  lose(rpc: Rpc, userId: string, loss: Loss, times?: number): { mend(): void; readonly lost: number };
  /** Resolves when a user's call has done its work in the ledger, whose acknowledgement then never leaves. */
  stall(rpc: Rpc, userId: string): Promise<void>;
  /** How many calls of a function of the database came by, whatever became of them. */
  countOf(rpc: string): number;
  /** How often a file was asked for in Storage, by its path there. */
  readingsOf(path: string): number;
}

interface Rule {
  rpc: Rpc;
  userId: string;
  loss: Loss | "never answered";
  left: number;
  lost: number;
  onLost(): void;
}

const NOT_PASSED_ON = ["host", "connection", "content-length", "transfer-encoding", "accept-encoding"];
const NOT_PASSED_BACK = ["connection", "content-length", "transfer-encoding", "content-encoding"];

/** Starts one; it ends after the test file. */
export async function openLedgerProxy(): Promise<LedgerProxy> {
  const rules: Rule[] = [];
  const paths: (string | undefined)[] = [];

  async function pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    paths.push(incoming.url);
    const body = Buffer.concat(await Array.fromAsync(incoming as AsyncIterable<Buffer>));
    const rule = rules.find(({ rpc, userId, left }) =>
      left > 0 && incoming.url?.includes("/rpc/") && (rpc === "any" || incoming.url.endsWith(`/${rpc}`)) &&
      body.includes(userId)
    );
    if (rule) {
      rule.left -= 1;
      rule.lost += 1;
    }
    if (rule?.loss === "before") return incoming.socket.destroy() && undefined;
    const response = await fetch(stack.url + incoming.url, {
      method: incoming.method,
      headers: Object.entries(incoming.headers).flatMap(([name, value]) =>
        NOT_PASSED_ON.includes(name) ? [] : [[name, String(value)] as [string, string]]
      ),
      body: body.length > 0 ? new Uint8Array(body) : undefined,
    });
    const answer = Buffer.from(await response.arrayBuffer());
    if (rule) {
      rule.onLost();
      if (rule.loss === "after") incoming.socket.destroy();
      return;
    }
    outgoing.writeHead(
      response.status,
      Object.fromEntries([...response.headers].filter(([name]) => !NOT_PASSED_BACK.includes(name))),
    );
    outgoing.end(answer);
  }

  const server = createServer((incoming, outgoing) => {
    pass(incoming, outgoing).catch(() => incoming.socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  afterAll(() => {
    server.close();
    server.closeAllConnections();
  });

  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    lose(rpc, userId, loss, times = Infinity) {
      const rule: Rule = { rpc, userId, loss, left: times, lost: 0, onLost: () => {} };
      rules.push(rule);
      return {
        mend: () => rule.left = 0,
        get lost() {
          return rule.lost;
        },
      };
    },
    stall(rpc, userId) {
      return new Promise((resolve) =>
        rules.push({ rpc, userId, loss: "never answered", left: 1, lost: 0, onLost: resolve })
      );
    },
    countOf: (rpc) => paths.filter((path) => path?.endsWith(`/rpc/${rpc}`)).length,
    readingsOf: (path) => paths.filter((one) => one?.startsWith("/storage/") && one.endsWith(path)).length,
  };
}

import { runLedgerCommand, USAGE } from "./ledger/command.ts";
import { explainWhenAsked } from "./local/usage.ts";

explainWhenAsked("ledger", USAGE);

Deno.exit(await runLedgerCommand(Deno.args, { print: console.log, complain: console.error }));

/** Who may spend a team's tokens, and how many in a month. */
import type { AdmitCall } from "../calls.ts";
import { isName, type Ledger, type Member, monthOf, type Request } from "./ledger.ts";

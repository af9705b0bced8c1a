// The functions process under the Edge Runtime's Deno version, which has no `--preload`.

import "./with_parent.ts";
import "./functions.ts";

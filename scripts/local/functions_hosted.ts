// The functions process under the Deno that the Edge Runtime is built on, which has no `--preload`.

import "./with_parent.ts";
import "./functions.ts";

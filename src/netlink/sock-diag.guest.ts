// Sockets are closed on Debian's kernel too, which has the means as modules.

import "./sock-diag.root.test.ts";

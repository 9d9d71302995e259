// The packet path on Debian's kernel: its verifier takes the same programs, and they do the same.

import "./datapath.root.test.ts";
import "./errors.root.test.ts";
import "./hostile.root.test.ts";
import "./packets.root.test.ts";
import "./policy.root.test.ts";
import "./sequence.root.test.ts";
import "./services.root.test.ts";
import "./sockets.root.test.ts";

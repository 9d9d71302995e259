// The form of Bun.connect that takes over an open descriptor: Bun has it and declares its options, but not the overload.

import "bun";

declare module "bun" {
  function connect<Data = undefined>(options: FdSocketOptions<Data>): Promise<Socket<Data>>;
}

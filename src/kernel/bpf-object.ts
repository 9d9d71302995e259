// A compiled object of eBPF programs and maps, loaded into the kernel; its maps are taken up again where they are pinned.

import type { Pointer } from "bun:ffi";
import { readFileSync } from "node:fs";
import type { MapInfo } from "./bpf-map.ts";
import { KernelError } from "./errno.ts";
import { checkedBpf, libbpf, textAt } from "./libbpf.ts";
import { cstring, errno } from "./libc.ts";

/** A map as the object declares it. */
export type MapShape = MapInfo & { readonly name: string };

export type ObjectOptions = {
  /** Where each map is pinned, or taken up when it is pinned there already; undefined: not at all. */
  readonly pinPath?: (map: MapShape) => string | undefined;
  /** How many elements a map can hold; undefined: as many as it says itself. */
  readonly entries?: (name: string) => number | undefined;
};

/** Programs and maps live as long as the object, or longer where they are pinned or attached. */
export class BpfObject implements Disposable {
  #object: Pointer | null;
  readonly maps: readonly MapShape[];

  /** @throws KernelError when the library is missing, the bytes are no object, or the kernel refuses a map or a program */
  constructor(bytes: Uint8Array, { pinPath, entries }: ObjectOptions = {}) {
    const library = libbpf();
    // The library keeps pointers into the object until it is loaded.
    const stable = new Uint8Array(new ArrayBuffer(bytes.length));
    stable.set(bytes);
    this.#object = library.bpf_object__open_mem(stable, BigInt(stable.length), null) as Pointer | null;
    if (this.#object === null) throw new KernelError("Cannot read the compiled packet path", errno());
    try {
      this.maps = this.#prepareMaps(pinPath, entries);
      checkedBpf(library.bpf_object__load(this.#object), () => "Cannot load the packet path into the kernel");
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** The descriptor belongs to the object. @throws KernelError ENOENT */
  mapFd(name: string): number {
    const map = libbpf().bpf_object__find_map_by_name(this.#open(), cstring(name));
    if (map === null) throw new KernelError(`Cannot find map ${name} in the packet path`, errno());
    return checkedBpf(libbpf().bpf_map__fd(map), () => `Cannot use map ${name}`);
  }

  /** The descriptor belongs to the object. @throws KernelError ENOENT */
  programFd(name: string): number {
    const program = libbpf().bpf_object__find_program_by_name(this.#open(), cstring(name));
    if (program === null) throw new KernelError(`Cannot find program ${name} in the packet path`, errno());
    return checkedBpf(libbpf().bpf_program__fd(program), () => `Cannot use program ${name}`);
  }

  /** The kernel's number of a program. @throws KernelError ENOENT */
  programId(name: string): number {
    const shown = readFileSync(`/proc/self/fdinfo/${this.programFd(name)}`, "utf8");
    return Number(/^prog_id:\s*(\d+)$/m.exec(shown)?.[1]);
  }

  [Symbol.dispose](): void {
    if (this.#object !== null) libbpf().bpf_object__close(this.#object);
    this.#object = null;
  }

  #open(): Pointer {
    if (this.#object === null) throw new RangeError("The object is closed already");
    return this.#object;
  }

  #prepareMaps(pinPath: ObjectOptions["pinPath"], entries: ObjectOptions["entries"]): readonly MapShape[] {
    const library = libbpf();
    const shapes: MapShape[] = [];
    for (let map = library.bpf_object__next_map(this.#object, null) as Pointer | null; map !== null; ) {
      const pointer = library.bpf_map__name(map);
      const name = pointer === null ? "" : textAt(pointer as Pointer);
      const most = entries?.(name);
      if (most !== undefined) {
        checkedBpf(library.bpf_map__set_max_entries(map, most), () => `Cannot size map ${name} to ${most}`);
      }
      const shape = {
        name,
        type: library.bpf_map__type(map),
        keySize: library.bpf_map__key_size(map),
        valueSize: library.bpf_map__value_size(map),
        maxEntries: library.bpf_map__max_entries(map),
        flags: library.bpf_map__map_flags(map),
      };
      const path = pinPath?.(shape);
      if (path !== undefined) {
        checkedBpf(library.bpf_map__set_pin_path(map, cstring(path)), () => `Cannot pin map ${name} at ${path}`);
      }
      shapes.push(shape);
      map = library.bpf_object__next_map(this.#object, map) as Pointer | null;
    }
    return shapes;
  }
}

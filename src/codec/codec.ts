// What a codec is, and the cursors that codecs write to and read from.

/** One binary format: a value in, bytes out, and back. Codecs are plain values and combine. */
export type Codec<T> = {
  readonly encode: (writer: Writer, value: T) => void;
  readonly decode: (reader: Reader) => T;
};

/** The type that a codec carries: `type Vlan = Infer<typeof vlan>`. */
export type Infer<C> = C extends Codec<infer T> ? T : never;

/** Bytes that do not follow their format; `path` names the field, `offset` the byte. */
export class DecodeError extends Error {
  readonly code = "DECODE";
  readonly path: string;
  readonly offset: number;

  constructor(path: string, offset: number, problem: string) {
    super(`Cannot decode ${path === "" ? "the message" : path} at byte ${offset}: ${problem}`);
    this.path = path;
    this.offset = offset;
  }
}

/** A growing buffer. Numbers are in the machine's byte order (little endian) unless a codec says otherwise. */
export class Writer {
  #bytes = new Uint8Array(512);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Makes room for `size` more bytes and returns where they start; they are zero. */
  reserve(size: number): number {
    const start = this.#length;
    const end = start + size;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, this.#bytes.length * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.#length = end;
    return start;
  }

  /** The view over all bytes; invalid after the next `reserve`. */
  view(): DataView {
    return this.#view;
  }

  append(bytes: Uint8Array): void {
    const start = this.reserve(bytes.length);
    this.#bytes.set(bytes, start);
  }

  /** Pads with zeros to a multiple of `boundary`. */
  align(boundary: number): void {
    const over = this.#length % boundary;
    if (over !== 0) this.reserve(boundary - over);
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}

/** A window over bytes with a position and the name of what is being read. */
export class Reader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly end: number;
  offset: number;
  readonly #name: string;
  readonly #parent: Reader | undefined;

  /** A `parent` lends its bytes and view, and its name to error messages. */
  constructor(bytes: Uint8Array, start = 0, end = bytes.length, name = "", parent?: Reader) {
    this.bytes = bytes;
    this.view = parent?.view ?? new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.offset = start;
    this.end = end;
    this.#name = name;
    this.#parent = parent;
  }

  get left(): number {
    return this.end - this.offset;
  }

  /** The name of what is being read, from the outside in: `link.info.vlan`. */
  get path(): string {
    const above = this.#parent?.path ?? "";
    return above === "" || this.#name === "" ? above + this.#name : `${above}.${this.#name}`;
  }

  /** Takes `size` bytes and returns where they start. @throws DecodeError when fewer are left. */
  take(size: number): number {
    if (this.left < size) this.fail(`needs ${size} byte${size === 1 ? "" : "s"}, ${this.left} left`);
    const start = this.offset;
    this.offset += size;
    return start;
  }

  /** A copy of the next `size` bytes. */
  copy(size: number): Uint8Array {
    const start = this.take(size);
    return this.bytes.slice(start, start + size);
  }

  /** A reader for the next `size` bytes alone, named below this one. */
  sub(size: number, name: string): Reader {
    const start = this.take(size);
    return new Reader(this.bytes, start, start + size, name, this);
  }

  fail(problem: string): never {
    throw new DecodeError(this.path, this.offset, problem);
  }
}

/** The bytes of a value. @throws RangeError when it does not fit its format */
export function encode<T>(codec: Codec<T>, value: T): Uint8Array {
  const writer = new Writer();
  codec.encode(writer, value);
  return writer.finish();
}

/** @throws DecodeError when bytes are missing or left over. */
export function decode<T>(codec: Codec<T>, bytes: Uint8Array, name = ""): T {
  const reader = new Reader(bytes, 0, bytes.length, name);
  const value = codec.decode(reader);
  if (reader.left > 0) reader.fail(`${reader.left} bytes left over`);
  return value;
}

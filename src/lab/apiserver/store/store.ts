// The API server's memory: objects by key in SQLite, one revision counter, watches by prefix.

import { Database, SQLiteError, type Statement } from "bun:sqlite";
import type { KubeObject } from "#kube/object.ts";
import { EventWindow, type StoreEvent, type WindowLimits } from "./event-window.ts";
import { StoreError } from "./store-error.ts";
import { Stored, storedAt } from "./stored.ts";
import { WatchIndex, type WatchSink } from "./watch-index.ts";

export type ListOptions = {
  /** At most so many; undefined: all. */
  readonly limit?: number;
  /** Only keys after this one. */
  readonly after?: string;
  /** As things were at this revision; undefined: now. */
  readonly revision?: number;
};

export type Listing = {
  readonly items: readonly Stored[];
  /** The revision that the listing shows. */
  readonly revision: number;
  /** How many follow beyond `limit`. */
  readonly remaining: number;
};

export type StoreOptions = {
  /** A file, or ":memory:". */
  readonly path: string;
  readonly window?: WindowLimits;
};

type Value = { readonly value: number };
type Row = { readonly key: string; readonly revision: number; readonly value: string };

/**
 * Keys are paths, `/GROUP/PLURAL/NAMESPACE/NAME`, and listed in order. Every write takes the next revision and is in the file's log
 * before it returns: it survives the end of the process, however that comes. All calls are synchronous, so what a caller does between a
 * `get` and an `update` without waiting happens at once for everybody else.
 */
export class Store implements Disposable {
  readonly #db: Database;
  readonly #window: EventWindow;
  readonly #watches = new WatchIndex();
  readonly #statements: Statements;
  #revision: number;

  /** Throws StoreError `busy` when another process has the file, `foreign` when it is no database. */
  constructor({ path, window }: StoreOptions) {
    this.#db = openDatabase(path);
    this.#statements = prepare(this.#db);
    this.#revision = this.#statements.revision.get()?.value ?? 1;
    this.#window = new EventWindow(this.#revision, window);
  }

  /** The revision of the last write. */
  get revision(): number {
    return this.#revision;
  }

  get(key: string): Stored | undefined {
    const row = this.#statements.get.get(key);
    return row === null ? undefined : fromRow(row);
  }

  /**
   * Objects whose keys begin with `prefix`, which ends in "/". Throws StoreError `compacted` when `revision` is older than the window
   * of changes, `future` when it has not been given yet.
   */
  list(prefix: string, { limit, after = "", revision = this.#revision }: ListOptions = {}): Listing {
    this.#checkReach(revision);
    const from = after > prefix ? after : prefix;
    const rewound = revision < this.#revision ? this.#window.statesAt(revision, prefix) : undefined;
    // Without states of the past the database counts and cuts; with them all keys have to be seen.
    if (rewound === undefined || rewound.size === 0) {
      const rows = this.#statements.list.all(from, endOf(prefix), limit === undefined ? -1 : limit);
      const items = rows.map(fromRow);
      const last = items.at(-1);
      const full = limit !== undefined && items.length === limit && last !== undefined;
      return { items, revision, remaining: full ? this.#count(last.key, prefix) : 0 };
    }
    const past = [...rewound].flatMap(([key, state]) => (state === undefined || key <= from ? [] : [state]));
    const unchanged = this.#statements.list.all(from, endOf(prefix), -1).filter(({ key }) => !rewound.has(key));
    const items = [...unchanged.map(fromRow), ...past].sort((a, b) => (a.key < b.key ? -1 : 1));
    const page = limit === undefined ? items : items.slice(0, limit);
    return { items: page, revision, remaining: items.length - page.length };
  }

  /** Throws StoreError `exists`. */
  create(key: string, object: KubeObject): Stored {
    if (this.get(key) !== undefined) throw new StoreError("exists", `Cannot create ${key}: it exists`);
    return this.#write("ADDED", storedAt(key, this.#revision + 1, object), undefined);
  }

  /** Throws StoreError `missing`, or `changed` when the object is not at `expected`. */
  update(key: string, object: KubeObject, expected: number): Stored {
    const previous = this.#expect(key, expected);
    return this.#write("MODIFIED", storedAt(key, this.#revision + 1, object), previous);
  }

  /** Gives the last state, with the revision of the deletion. Throws as `update` does. */
  remove(key: string, expected: number): Stored {
    const previous = this.#expect(key, expected);
    return this.#write("DELETED", storedAt(key, this.#revision + 1, previous.object), previous);
  }

  /**
   * Hands every change of keys below `prefix` after `from` to `sink`: those that happened at once, the others as they happen, inside the
   * write. The sink must neither throw nor write. Ends when disposed. Throws as `list` does.
   */
  watch(prefix: string, from: number, sink: WatchSink): Disposable {
    this.#checkReach(from);
    for (const event of this.#window.since(from)) if (event.key.startsWith(prefix)) sink(event);
    return this.#watches.add(prefix, sink);
  }

  [Symbol.dispose](): void {
    this.#statements.finalize();
    // With a statement left over the file would stay locked: that is an error.
    this.#db.close(true);
  }

  #checkReach(revision: number): void {
    if (revision > this.#revision) {
      throw new StoreError("future", `Cannot read at revision ${revision}: the last one is ${this.#revision}`);
    }
    if (!this.#window.reaches(revision)) {
      throw new StoreError("compacted", `Cannot read at revision ${revision}: it is too old`);
    }
  }

  #count(after: string, prefix: string): number {
    return this.#statements.count.get(after, endOf(prefix))?.value ?? 0;
  }

  #expect(key: string, expected: number): Stored {
    const previous = this.get(key);
    if (previous === undefined) throw new StoreError("missing", `Cannot change ${key}: it does not exist`);
    if (previous.revision === expected) return previous;
    throw new StoreError("changed", `Cannot change ${key}: it is at revision ${previous.revision}, not ${expected}`);
  }

  #write(type: StoreEvent["type"], current: Stored, previous: Stored | undefined): Stored {
    this.#statements.write(type, current);
    this.#revision = current.revision;
    const event = { type, key: current.key, revision: current.revision, current, previous };
    this.#window.push(event);
    this.#watches.notify(event);
    return current;
  }
}

function openDatabase(path: string): Database {
  const db = new Database(path, { create: true, strict: true });
  try {
    db.run("PRAGMA locking_mode = EXCLUSIVE");
    db.run("PRAGMA journal_mode = WAL");
    // The log reaches the disk at checkpoints: a power failure may lose the last writes, the end of the process loses none.
    db.run("PRAGMA synchronous = NORMAL");
    db.run("CREATE TABLE IF NOT EXISTS object (key TEXT PRIMARY KEY, revision INTEGER NOT NULL, value TEXT NOT NULL)");
    db.run("CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL)");
    // A revision of 0 means "any" to clients of the API: the first write gets 2, and lists of an empty store are at 1.
    db.run("INSERT OR IGNORE INTO counter VALUES ('revision', 1)");
    return db;
  } catch (error) {
    db.close();
    throw explained(error, path);
  }
}

function explained(error: unknown, path: string): unknown {
  const code = error instanceof SQLiteError ? error.code : undefined;
  if (code === "SQLITE_BUSY") {
    return new StoreError("busy", `Cannot open the store ${path}: another process has it open, end that first`, {
      cause: error,
    });
  }
  if (code !== "SQLITE_NOTADB") return error;
  return new StoreError("foreign", `Cannot open the store ${path}: it is no database, move it away`, { cause: error });
}

type Statements = {
  readonly get: Statement<Row, [string]>;
  readonly list: Statement<Row, [from: string, end: string, limit: number]>;
  readonly count: Statement<Value, [after: string, end: string]>;
  readonly revision: Statement<Value, []>;
  readonly write: (type: StoreEvent["type"], stored: Stored) => void;
  readonly finalize: () => void;
};

function prepare(db: Database): Statements {
  const put = db.prepare<unknown, [string, number, string]>(
    "INSERT INTO object VALUES (?1, ?2, ?3) ON CONFLICT (key) DO UPDATE SET revision = ?2, value = ?3",
  );
  const remove = db.prepare<unknown, [string]>("DELETE FROM object WHERE key = ?");
  const advance = db.prepare<unknown, [number]>("UPDATE counter SET value = ? WHERE name = 'revision'");
  const get = db.prepare<Row, [string]>("SELECT key, revision, value FROM object WHERE key = ?");
  const list = db.prepare<Row, [string, string, number]>(
    "SELECT key, revision, value FROM object WHERE key > ? AND key < ? ORDER BY key LIMIT ?",
  );
  const count = db.prepare<Value, [string, string]>("SELECT count(*) AS value FROM object WHERE key > ? AND key < ?");
  const revision = db.prepare<Value, []>("SELECT value FROM counter WHERE name = 'revision'");
  const write = db.transaction((type: StoreEvent["type"], { key, revision, json }: Stored) => {
    if (type === "DELETED") remove.run(key);
    else put.run(key, revision, json);
    advance.run(revision);
  });
  const finalize = () => {
    for (const statement of [put, remove, advance, get, list, count, revision]) statement.finalize();
  };
  return { get, list, count, revision, write, finalize };
}

function fromRow({ key, revision, value }: Row): Stored {
  return new Stored(key, revision, value);
}

/** The first text after all that begin with `prefix`: "0" follows "/" in Unicode, as in SQLite's binary order. */
function endOf(prefix: string): string {
  return `${prefix.slice(0, -1)}0`;
}

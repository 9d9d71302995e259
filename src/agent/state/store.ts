// What the agent must not forget: endpoints, released addresses, how far the pools are. SQLite, written before the kernel is touched.

import { Database, SQLiteError } from "bun:sqlite";
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type { PoolMemory } from "#agent/ipam/pool.ts";
import { messageOf } from "#base/error-message.ts";
import type { Cidr } from "#net/cidr.ts";
import type { Ip } from "#net/ip.ts";
import { type Endpoint, endpointKey, maxEndpointId } from "./endpoint.ts";

/** How far counters on the disk may be from what they count, so that not every endpoint writes them. */
const stride = 64;

/** The layout below; a file of another one is not touched. */
const layout = 1;

const tables = `
  CREATE TABLE IF NOT EXISTS endpoint (id INTEGER PRIMARY KEY, record TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS released (address TEXT PRIMARY KEY, block TEXT NOT NULL, at INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS passed (block TEXT PRIMARY KEY, count TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
`;

/** The state file cannot be used; the message says what to do. */
export class StateError extends Error {
  readonly code = "STATE";
}

/** How far a pool is after an address was taken from it. */
export type Progress = { readonly block: Cidr; readonly passed: bigint };
/** An address that is free again, of the pool it came from. */
export type Release = { readonly address: Ip; readonly block: Cidr };

/**
 * Every method is one transaction, on disk as far as a killed process is concerned. A machine that loses power loses its
 * pods too, so that nothing waits for the disk.
 */
export class StateStore implements Disposable {
  readonly #database: Database;
  readonly #path: string;
  readonly #statements;
  /** As on the disk: the last number given, or one that is given soon. */
  #lastId = 0;
  /** As on the disk. */
  readonly #passed = new Map<Cidr, bigint>();

  /** @throws StateError when the file is damaged, of a newer Twill, or cannot be written */
  constructor(path: string) {
    this.#path = path;
    let database: Database | undefined;
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      database = new Database(path, { create: true, strict: true });
      this.#database = database;
      prepare(database);
      this.#statements = {
        put: database.query("INSERT INTO endpoint VALUES ($id, $record) ON CONFLICT DO UPDATE SET record = $record"),
        drop: database.query("DELETE FROM endpoint WHERE id = $id"),
        take: database.query("DELETE FROM released WHERE address IN ($ipv4, $ipv6)"),
        release: database.query(
          "INSERT INTO released VALUES ($address, $block, $at) ON CONFLICT DO UPDATE SET block = $block, at = $at",
        ),
        pass: database.query("INSERT INTO passed VALUES ($block, $count) ON CONFLICT DO UPDATE SET count = $count"),
        fact: database.query("INSERT INTO fact VALUES ($name, $value) ON CONFLICT DO UPDATE SET value = $value"),
        // `Database.transaction` would make five functions for each.
        start: database.query("BEGIN IMMEDIATE"),
        commit: database.query("COMMIT"),
        undo: database.query("ROLLBACK"),
      } as const;
    } catch (cause) {
      database?.close();
      throw stateError(path, cause);
    }
  }

  /** Writes a new endpoint down, its addresses taken. @throws StateError */
  begin(endpoint: Endpoint, progress: readonly Progress[]): void {
    const { id, ipv4 = null, ipv6 = null } = endpoint;
    const isAhead = id <= this.#lastId && id > this.#lastId - stride;
    const lastId = isAhead ? this.#lastId : Math.min(id + stride - 1, maxEndpointId);
    // A pool that is found a little behind passes over addresses that are taken or rest.
    const far = progress.filter(({ block, passed }) => passed - (this.#passed.get(block) ?? -1n) >= stride);
    this.#transact(() => {
      this.#put(endpoint);
      this.#statements.take.run({ ipv4, ipv6 });
      if (!isAhead) this.#statements.fact.run({ name: "lastId", value: String(lastId) });
      for (const { block, passed } of far) this.#statements.pass.run({ block, count: String(passed) });
    });
    this.#lastId = lastId;
    for (const { block, passed } of far) this.#passed.set(block, passed);
  }

  /** Replaces an endpoint's record. @throws StateError */
  update(endpoint: Endpoint): void {
    this.#read(() => this.#put(endpoint));
  }

  /** Forgets an endpoint; its addresses begin to rest. @throws StateError */
  end({ id }: Pick<Endpoint, "id">, releases: readonly Release[], atMs: number): void {
    this.#transact(() => {
      this.#statements.drop.run({ id });
      for (const { address, block } of releases) this.#statements.release.run({ address, block, at: atMs });
    });
  }

  /** By `endpointKey`. @throws StateError */
  endpoints(): Map<string, Endpoint> {
    const endpoints = this.#read(() => {
      const rows = this.#database.query<{ record: string }, []>("SELECT record FROM endpoint").all();
      return rows.map(({ record }) => JSON.parse(record) as Endpoint);
    });
    return new Map(endpoints.map((endpoint) => [endpointKey(endpoint), endpoint]));
  }

  /** @throws StateError */
  poolMemory(block: Cidr): PoolMemory {
    return this.#read(() => {
      const passed = this.#database
        .query<{ count: string }, [string]>("SELECT count FROM passed WHERE block = ?")
        .get(block);
      const released = this.#database
        .query<{ address: Ip; at: number }, [string]>(
          "SELECT address, at FROM released WHERE block = ? ORDER BY at, rowid",
        )
        .all(block);
      return {
        passed: BigInt(passed?.count ?? 0),
        released: released.map(({ address, at }) => [address, at] as const),
      };
    });
  }

  /** A single value that was set, by its name. @throws StateError */
  fact(name: "lastId" | "place" | "node" | "policyNumbers" | "tunnelChecksums"): string | undefined {
    const row = this.#read(() =>
      this.#database.query<{ value: string }, [string]>("SELECT value FROM fact WHERE name = ?").get(name),
    );
    return row?.value;
  }

  setFact(name: "place" | "node" | "policyNumbers" | "tunnelChecksums", value: string): void {
    this.#transact(() => this.#statements.fact.run({ name, value }));
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }

  #put(endpoint: Endpoint): void {
    this.#statements.put.run({ id: endpoint.id, record: JSON.stringify(endpoint) });
  }

  #transact(work: () => void): void {
    const { start, commit, undo } = this.#statements;
    this.#read(() => {
      start.run();
      try {
        work();
        commit.run();
      } catch (error) {
        // A full disk has it undone already.
        if (this.#database.inTransaction) undo.run();
        throw error;
      }
    });
  }

  #read<T>(work: () => T): T {
    try {
      return work();
    } catch (cause) {
      throw stateError(this.#path, cause);
    }
  }
}

function prepare(database: Database): void {
  // NORMAL: the disk is waited for at checkpoints only, and a power loss leaves a file that can be read.
  // One agent a node: whoever comes second is refused as long as the first one lives.
  database.run("PRAGMA locking_mode = EXCLUSIVE");
  database.run("PRAGMA journal_mode = WAL");
  database.run("PRAGMA synchronous = NORMAL");
  const found = database.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version ?? 0;
  if (found > layout) {
    throw new StateError(
      `it was written by a newer Twill (layout ${found}, this one knows ${layout}): install that one`,
    );
  }
  const [check] = database.query<{ quick_check: string }, []>("PRAGMA quick_check(1)").all();
  if (check?.quick_check !== "ok") throw new Error(check?.quick_check ?? "its check gave no answer");
  database.run(tables);
  database.run(`PRAGMA user_version = ${layout}`);
}

/** What SQLite's result codes mean here (sqlite.org/rescode.html). */
const advices = new Map([
  [5, "another agent uses it: stop that one first"],
  [8, "make its file system writable"],
  [13, "the disk is full: make room on it"],
  [14, "make its folder writable"],
]);
const damaged =
  "if it is damaged, move it away and start again: pods that run keep their links, and the runtime removes them one by one";

function stateError(path: string, cause: unknown): StateError {
  if (cause instanceof StateError)
    return new StateError(`Cannot use the state file ${path}: ${cause.message}`, { cause });
  const problem = messageOf(cause);
  const advice = cause instanceof SQLiteError ? advices.get(cause.errno & 0xff) : undefined;
  return new StateError(`Cannot use the state file ${path}: ${problem}; ${advice ?? damaged}`, { cause });
}

import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { LateenError, messageOf } from '@lateen/runtime';
import type {
  CommitResult,
  ConfigStore,
  StoredChange,
  StoredObject,
  StoreState,
  Transaction,
} from './config-store.ts';

/** Where the database is and how much history it keeps. */
export interface SqliteStoreOptions {
  /** Database file; its folder is made when absent (0700). */
  readonly path: string;
  /** Transactions kept for watches that resume. */
  readonly history: number;
}

const schema = `
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA busy_timeout = 2000;
  CREATE TABLE IF NOT EXISTS objects (
    type TEXT NOT NULL, key TEXT NOT NULL, revision INTEGER NOT NULL, body TEXT NOT NULL, owner TEXT,
    PRIMARY KEY (type, key)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS journal (revision INTEGER PRIMARY KEY, changes TEXT NOT NULL);
`;

/**
 * The embedded store: one SQLite file in write-ahead mode with `synchronous = FULL`, so a commit returns after the log
 * is on disk. One galley at a time: the file is locked while it is open. The objects table is the journal's sum: a start reads it instead of all history.
 */
export function createSqliteStore(options: SqliteStoreOptions): ConfigStore {
  let database: DatabaseSync | undefined;
  let statements: Statements | undefined;
  let notify: (transaction: Transaction) => void = () => {};

  return {
    async open(onTransaction): Promise<StoreState> {
      notify = onTransaction;
      try {
        mkdirSync(dirname(options.path), { recursive: true, mode: 0o700 });
        // It holds Secrets; SQLite gives its other files the mode of this one.
        closeSync(openSync(options.path, 'a', 0o600));
        database = new DatabaseSync(options.path);
        database.exec(schema);
        statements = prepare(database);
        return load(statements);
      } catch (error) {
        database?.close();
        database = undefined;
        const locked = messageOf(error).includes('locked') ? ', is another galley using it?' : '';
        throw storeError(`cannot open ${options.path}: ${messageOf(error)}${locked}`, error);
      }
    },
    async commit(changes, expectedLast): Promise<CommitResult> {
      if (!database || !statements) throw storeError('the store is not open');
      const revision = expectedLast + 1;
      try {
        database.exec('BEGIN IMMEDIATE');
        if (lastRevision(statements) !== expectedLast) {
          database.exec('ROLLBACK');
          return { kind: 'conflict' };
        }
        statements.append.run(revision, JSON.stringify(changes));
        for (const change of changes) apply(statements, change, revision);
        statements.trim.run(revision - options.history);
        database.exec('COMMIT');
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK');
        throw storeError(`a transaction could not be stored: ${messageOf(error)}`, error);
      }
      notify({ revision, changes });
      return { kind: 'committed', revision };
    },
    async close() {
      database?.close();
      database = undefined;
      statements = undefined;
    },
  };
}

type Statements = ReturnType<typeof prepare>;

function prepare(database: DatabaseSync) {
  const one = (sql: string): StatementSync => database.prepare(sql);
  return {
    last: one('SELECT max(revision) AS last FROM journal'),
    append: one('INSERT INTO journal (revision, changes) VALUES (?, ?)'),
    put: one('INSERT OR REPLACE INTO objects (type, key, revision, body, owner) VALUES (?, ?, ?, ?, ?)'),
    remove: one('DELETE FROM objects WHERE type = ? AND key = ?'),
    trim: one('DELETE FROM journal WHERE revision <= ?'),
    objects: one('SELECT type, key, revision, body, owner FROM objects'),
    journal: one('SELECT revision, changes FROM journal ORDER BY revision'),
  };
}

function lastRevision(statements: Statements): number {
  return Number(statements.last.get()?.last ?? 0);
}

function apply(statements: Statements, change: StoredChange, revision: number): void {
  if (change.action === 'deleted') statements.remove.run(change.type, change.key);
  else statements.put.run(change.type, change.key, revision, change.body, change.owner ?? null);
}

function load(statements: Statements): StoreState {
  const objects = statements.objects.all().map((row): StoredObject => {
    const object = {
      type: String(row.type),
      key: String(row.key),
      revision: Number(row.revision),
      body: String(row.body),
    };
    return row.owner === null ? object : { ...object, owner: String(row.owner) };
  });
  const recent = statements.journal.all().map(
    (row): Transaction => ({
      revision: Number(row.revision),
      changes: JSON.parse(String(row.changes)) as StoredChange[],
    }),
  );
  return { revision: recent.at(-1)?.revision ?? 0, objects, recent };
}

function storeError(message: string, cause?: unknown): LateenError {
  return new LateenError(message, { code: 'LTN_GALLEY_STORE', origin: 'internal', retryable: true, cause });
}

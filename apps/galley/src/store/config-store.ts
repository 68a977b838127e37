/** Where an object stands: `type` is `group/Kind` (`/Kind` in the core group), `key` is `namespace/name` or `/name`. */
export interface ObjectId {
  readonly type: string;
  readonly key: string;
}

/** An object as it is stored. */
export interface StoredObject extends ObjectId {
  /** Kubernetes JSON without `resourceVersion`: that is the revision of its last change. */
  readonly body: string;
  readonly revision: number;
  /** The file that declares it, for objects of a watched directory. */
  readonly owner?: string;
}

/**
 * One change of a transaction. A deletion carries the object's last body, for those who watch. `status`: nothing but the
 * object's status changed, which configures nobody.
 */
export interface StoredChange extends ObjectId {
  readonly action: 'created' | 'updated' | 'status' | 'deleted';
  readonly body: string;
  readonly owner?: string;
}

/** Changes that hold together: all are stored or none is. */
export interface Transaction {
  readonly revision: number;
  readonly changes: readonly StoredChange[];
}

/** State of a store when it is opened. */
export interface StoreState {
  /** Revision of the newest transaction; 0 for an empty store. */
  readonly revision: number;
  readonly objects: readonly StoredObject[];
  /** The newest transactions, oldest first, without gaps, as far back as the store keeps them. */
  readonly recent: readonly Transaction[];
}

/** A transaction is durable under its revision, or somebody else's came first and nothing was stored. */
export type CommitResult = { kind: 'committed'; revision: number } | { kind: 'conflict' };

/**
 * Galley's store: an append-only journal of transactions. Revisions are whole numbers without gaps, from 1 on, and are
 * the resourceVersions of the API. Adapters: SQLite (one galley) and a bus journal (several galleys, one sequence).
 */
export interface ConfigStore {
  /**
   * Opens the store. Every later transaction, this galley's and others', reaches `onTransaction` once and in order,
   * own ones before `commit` resolves. @throws LateenError LTN_GALLEY_STORE when it can't be opened or read.
   */
  open(onTransaction: (transaction: Transaction) => void): Promise<StoreState>;
  /**
   * Stores a transaction if `expectedLast` is the newest revision; resolves when it is durable. After a conflict the
   * transactions that caused it have reached `onTransaction`. One commit at a time.
   * @throws LateenError LTN_GALLEY_STORE or the bus's errors: it may or may not be stored, a later transaction tells.
   */
  commit(changes: readonly StoredChange[], expectedLast: number): Promise<CommitResult>;
  close(): Promise<void>;
}

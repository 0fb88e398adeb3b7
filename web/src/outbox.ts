/** Answers that the server has not acknowledged, in IndexedDB: they outlive a reload and a closed browser. */

import type { AnswerBody } from "./contract";

export interface Kept {
  token: string; // of the session that the answer belongs to
  answer: AnswerBody;
}

const STORE = "answers";

export class Outbox {
  private constructor(private readonly database: IDBDatabase | null) {}

  private readonly memory = new Map<string, Kept>(); // where the browser refuses IndexedDB

  static async open(): Promise<Outbox> {
    return new Outbox(await connect().catch(() => null));
  }

  /** Whether answers outlive a reload here. */
  get durable(): boolean {
    return this.database !== null;
  }

  async put(kept: Kept): Promise<void> {
    this.memory.set(kept.answer.key, kept);
    await this.transact("readwrite", (store) => store.put(kept)).catch(() => undefined);
  }

  async delete(key: string): Promise<void> {
    this.memory.delete(key);
    await this.transact("readwrite", (store) => store.delete(key)).catch(() => undefined);
  }

  /** What is left of a session, oldest first. */
  async left(token: string): Promise<AnswerBody[]> {
    const stored = await this.transact<Kept[]>("readonly", (store) => store.getAll()).catch(() => undefined);
    return (stored ?? [...this.memory.values()])
      .filter((kept) => kept.token === token)
      .map((kept) => kept.answer)
      .sort((a, b) => a.shown_at - b.shown_at);
  }

  private transact<T>(mode: IDBTransactionMode, act: (store: IDBObjectStore) => IDBRequest): Promise<T | undefined> {
    const { database } = this;
    if (!database) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode, { durability: "strict" });
      const request = act(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request.result as T);
      transaction.onabort = () => reject(transaction.error);
    });
  }
}

function connect(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("exemplum", 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "answer.key" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("IndexedDB is blocked"));
  });
}

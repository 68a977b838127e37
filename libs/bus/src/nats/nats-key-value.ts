import { Kvm } from '@nats-io/kv';
import { headers, type MsgHdrs, nuid } from '@nats-io/transport-node';
import type { Subscription } from '../bus.ts';
import type { KeyValue, KeyValueChange, WriteOptions, WriteResult } from '../key-value.ts';
import type { NatsConnected } from './nats-bus.ts';
import { attemptTimeoutMs, isConflict, retried } from './retry.ts';

/** A bucket as a JetStream key-value store. Reads go to the leader, so a writer reads its own writes. */
export async function openNatsKeyValue(nats: NatsConnected, bucket: string): Promise<KeyValue> {
  const { retry, logger, streams } = nats;
  const store = await retried(`opening the bucket ${bucket}`, retry, () =>
    new Kvm(streams).create(bucket, {
      history: 1,
      replicas: nats.replicas,
      allow_direct: false,
      timeout: attemptTimeoutMs,
    }),
  );

  /** Writes with a message id, so that a repeated attempt can't conflict with the first one. */
  const write = async (
    key: string,
    value: Uint8Array,
    options: WriteOptions & { deletes: boolean },
  ): Promise<WriteResult> => {
    const fields: MsgHdrs = headers();
    if (options.deletes) fields.set('KV-Operation', 'DEL');
    const attempt = (expected: number | undefined): Promise<WriteResult> => {
      const msgID = nuid.next();
      const expect = expected === undefined ? {} : { expect: { lastSubjectSequence: expected } };
      return retried(`writing to ${bucket}`, retry, () =>
        streams.publish(`$KV.${bucket}.${key}`, value, { msgID, headers: fields, ...expect }),
      ).then(
        (stored): WriteResult => ({ kind: 'written', revision: stored.seq }),
        (error: unknown) => {
          if (isConflict(error)) return { kind: 'conflict' };
          throw error;
        },
      );
    };
    const first = await attempt(options.expectedRevision);
    if (first.kind === 'written' || options.expectedRevision !== 0) return first;
    // A deleted key still has a marker with a revision; to its writer it is a new key.
    const marker = await retried(`reading ${bucket}`, retry, () => store.get(key));
    return marker && marker.operation !== 'PUT' ? attempt(marker.revision) : first;
  };

  return {
    async get(key) {
      const entry = await retried(`reading ${bucket}`, retry, () => store.get(key));
      if (!entry || entry.operation !== 'PUT') return undefined;
      return { key, value: entry.value, revision: entry.revision };
    },
    put: (key, value, options) => write(key, value, { ...options, deletes: false }),
    delete: (key, options) => write(key, new Uint8Array(), { ...options, deletes: true }),
    async watch(handler: (change: KeyValueChange) => void): Promise<Subscription> {
      const entries = await retried(`watching ${bucket}`, retry, () => store.watch());
      let active = true;
      void (async () => {
        for await (const entry of entries) {
          if (!active) return;
          const live = entry.operation === 'PUT';
          if (!live && !entry.isUpdate) continue;
          try {
            handler({ key: entry.key, value: live ? entry.value : undefined, revision: entry.revision });
          } catch (error) {
            logger.error({ err: error, key: entry.key }, 'a watcher of a bucket failed');
          }
        }
      })().catch((error: unknown) => {
        if (active && !retry.closed.aborted)
          logger.error({ err: error, bucket }, 'the watch of a bucket ended');
      });
      return {
        unsubscribe() {
          active = false;
          entries.stop();
        },
      };
    },
  };
}

import { type ConsumerMessages, DeliverPolicy, JetStreamApiError, StorageType } from '@nats-io/jetstream';
import { nuid } from '@nats-io/transport-node';
import { LateenError } from '@lateen/runtime';
import { limits, type Subscription } from '../bus.ts';
import type { AppendOptions, AppendResult, Journal, JournalRecord } from '../journal.ts';
import type { NatsConnected } from './nats-bus.ts';
import { isConflict, retried } from './retry.ts';

/** Server error: a stream of this name exists with another configuration (another component made it first). */
const streamNameInUse = 10_058;

/** A journal as a JetStream stream that denies deletion and purge. One subject, so sequences have no gaps. */
export async function openNatsJournal(nats: NatsConnected, name: string): Promise<Journal> {
  const { streams, manager, retry, logger } = nats;
  const subject = `lateen.journal.${name}`;
  await retried(`opening the journal ${name}`, retry, async () => {
    try {
      await manager.streams.add({
        name,
        subjects: [subject],
        storage: StorageType.File,
        num_replicas: nats.replicas,
        deny_delete: true,
        deny_purge: true,
        allow_direct: false,
      });
    } catch (error) {
      if (!(error instanceof JetStreamApiError) || error.code !== streamNameInUse) throw error;
    }
  });

  const last = (): Promise<number> =>
    retried(
      `reading the end of ${name}`,
      retry,
      async () => (await manager.streams.info(name)).state.last_seq,
    );

  const consume = async (from: number): Promise<ConsumerMessages> =>
    retried(`reading ${name}`, retry, async () => {
      const consumer = await streams.consumers.get(name, {
        deliver_policy: DeliverPolicy.StartSequence,
        opt_start_seq: Math.max(1, from),
      });
      return consumer.consume({ max_messages: limits.inFlight });
    });

  return {
    last,
    async append(payload, options: AppendOptions = {}): Promise<AppendResult> {
      const most = nats.connection.info?.max_payload ?? 1_048_576;
      if (payload.length > most - 1024) {
        const message = `a record of ${payload.length} bytes is too large for the bus (max_payload ${most})`;
        throw new LateenError(message, { code: 'LTN_BUS_TOO_LARGE', origin: 'config' });
      }
      const expect =
        options.expectedLast === undefined ? {} : { expect: { lastSequence: options.expectedLast } };
      // The id makes a repeated attempt harmless: the server answers the first one's sequence.
      const msgID = nuid.next();
      try {
        const stored = await retried(`appending to ${name}`, retry, () =>
          streams.publish(subject, payload, { msgID, ...expect }),
        );
        return { kind: 'appended', sequence: stored.seq };
      } catch (error) {
        if (isConflict(error)) return { kind: 'conflict', last: await last() };
        throw error;
      }
    },
    async *read(from) {
      const end = await last();
      if (from > end) return;
      const messages = await consume(from);
      try {
        for await (const message of messages) {
          yield { sequence: message.seq, payload: message.data };
          if (message.seq >= end) return;
        }
      } finally {
        messages.stop();
      }
    },
    async tail(from, handler: (record: JournalRecord) => void): Promise<Subscription> {
      const messages = await consume(from);
      let active = true;
      void (async () => {
        for await (const message of messages) {
          if (!active) return;
          try {
            handler({ sequence: message.seq, payload: message.data });
          } catch (error) {
            logger.error({ err: error, sequence: message.seq }, 'a journal reader failed');
          }
        }
      })().catch((error: unknown) => {
        if (active && !retry.closed.aborted)
          logger.error({ err: error, journal: name }, 'the tail of a journal ended');
      });
      return {
        unsubscribe() {
          active = false;
          messages.stop();
        },
      };
    },
  };
}

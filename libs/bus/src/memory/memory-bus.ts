import { type Clock, LateenError, type Logger, messageOf } from '@lateen/runtime';
import { type Bus, limits, type MessageHandler, type RequestHandler, type Subscription } from '../bus.ts';
import { badSubject, closed } from '../error.ts';
import type { Journal } from '../journal.ts';
import type { KeyValue } from '../key-value.ts';
import { isPattern, isSubject, subjectMatches } from '../subject.ts';
import { createMemoryJournal } from './memory-journal.ts';
import { createMemoryKeyValue } from './memory-key-value.ts';

/** What a memory bus needs. */
export interface MemoryBusOptions {
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Listener {
  readonly pattern: string;
  readonly handler: MessageHandler;
  pending: number;
}

interface Responder {
  readonly pattern: string;
  readonly queueGroup: string;
  readonly handler: RequestHandler;
  working: number;
}

/** A bus inside one process. Events arrive in a later microtask, as they would from a wire; nothing outlives it. */
export function createMemoryBus(options: MemoryBusOptions): Bus {
  const { clock, logger } = options;
  const listeners = new Set<Listener>();
  const responders = new Set<Responder>();
  const keyValues = new Map<string, KeyValue>();
  const journalsByName = new Map<string, Journal>();
  const pendingRequests = new Set<(error: LateenError) => void>();
  let turn = 0;
  let open = true;

  const deliver = (listener: Listener, payload: Uint8Array, subject: string): void => {
    if (listener.pending >= limits.pendingEvents) {
      logger.warn({ subject, pending: listener.pending }, 'a subscriber is too slow, an event is dropped');
      return;
    }
    listener.pending += 1;
    queueMicrotask(() => {
      listener.pending -= 1;
      if (!listeners.has(listener)) return;
      try {
        listener.handler(payload, subject);
      } catch (error) {
        logger.error({ err: error, subject }, 'a bus subscriber failed');
      }
    });
  };

  /** One responder: queue groups share the work in turn; of several groups the first one answers. */
  const responderOf = (subject: string): Responder | undefined => {
    const matching = [...responders].filter((responder) => subjectMatches(responder.pattern, subject));
    const group = matching.filter((responder) => responder.queueGroup === matching[0]?.queueGroup);
    return group[turn++ % Math.max(1, group.length)];
  };

  return {
    publish(subject, payload) {
      if (!open) return;
      if (!isSubject(subject)) throw badSubject(subject);
      for (const listener of listeners)
        if (subjectMatches(listener.pattern, subject)) deliver(listener, payload, subject);
    },
    subscribe(pattern, handler): Subscription {
      if (!open) throw closed();
      if (!isPattern(pattern)) throw badSubject(pattern);
      const listener: Listener = { pattern, handler, pending: 0 };
      listeners.add(listener);
      return { unsubscribe: () => void listeners.delete(listener) };
    },
    async request(subject, payload, { timeoutMs }) {
      if (!open) throw closed();
      if (!isSubject(subject)) throw badSubject(subject);
      const responder = responderOf(subject);
      if (!responder) {
        const message = `nobody responds on ${subject}`;
        throw new LateenError(message, { code: 'LTN_BUS_UNANSWERED', origin: 'peer', retryable: true });
      }
      if (responder.working >= limits.concurrentRequests) {
        throw new LateenError(`${subject}: too many requests`, { code: 'LTN_BUS_REFUSED', origin: 'peer' });
      }
      return new Promise<Uint8Array>((resolve, reject) => {
        const fail = (error: LateenError): void => {
          pendingRequests.delete(fail);
          reject(error);
        };
        pendingRequests.add(fail);
        const timer = clock.after(timeoutMs, () => {
          const message = `${subject} did not answer within ${timeoutMs} ms`;
          fail(new LateenError(message, { code: 'LTN_BUS_TIMEOUT', origin: 'peer', retryable: true }));
        });
        responder.working += 1;
        Promise.resolve()
          .then(() => responder.handler(payload, subject))
          .then(resolve, (cause: unknown) =>
            reject(new LateenError(messageOf(cause), { code: 'LTN_BUS_REFUSED', origin: 'peer', cause })),
          )
          .finally(() => {
            responder.working -= 1;
            pendingRequests.delete(fail);
            timer.cancel();
          });
      });
    },
    respond(pattern, queueGroup, handler): Subscription {
      if (!open) throw closed();
      if (!isPattern(pattern)) throw badSubject(pattern);
      const responder: Responder = { pattern, queueGroup, handler, working: 0 };
      responders.add(responder);
      return { unsubscribe: () => void responders.delete(responder) };
    },
    async keyValue(bucket) {
      if (!open) throw closed();
      let found = keyValues.get(bucket);
      if (!found) keyValues.set(bucket, (found = createMemoryKeyValue(logger)));
      return found;
    },
    async journal(name) {
      if (!open) throw closed();
      let found = journalsByName.get(name);
      if (!found) journalsByName.set(name, (found = createMemoryJournal(logger)));
      return found;
    },
    async close() {
      open = false;
      listeners.clear();
      responders.clear();
      for (const fail of pendingRequests) fail(closed());
    },
  };
}

import { type JetStreamClient, type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import {
  AuthorizationError,
  connect,
  headers,
  type Msg,
  type NatsConnection,
  RequestError,
  TimeoutError,
} from '@nats-io/transport-node';
import {
  Backoff,
  type Clock,
  LateenError,
  type Logger,
  messageOf,
  type Random,
  type Secret,
  sleep,
} from '@lateen/runtime';
import { type Bus, limits, type MessageHandler, type RequestHandler, type Subscription } from '../bus.ts';
import { badSubject, closed } from '../error.ts';
import type { Journal } from '../journal.ts';
import type { KeyValue } from '../key-value.ts';
import { isPattern, isSubject } from '../subject.ts';
import { openNatsJournal } from './nats-journal.ts';
import { openNatsKeyValue } from './nats-key-value.ts';
import { attemptTimeoutMs, type RetryOptions } from './retry.ts';

/** Where the bus is and who connects. */
export interface NatsBusOptions {
  /** `nats://HOST:PORT`, several for a cluster. */
  readonly servers: readonly string[];
  /** Component name: the connection's name and its inbox prefix `_INBOX_<component>`, so that replies can't leak. */
  readonly component: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Password of the NATS user that is named like the component; a server without users needs none. */
  readonly password?: Secret | undefined;
  /** Copies of each stream; 3 in a cluster of three. */
  readonly replicas?: number;
  /** How long `connectNats` waits for a first connection. Milliseconds. */
  readonly connectTimeoutMs?: number;
}

/** What the adapters of one connection share. */
export interface NatsConnected {
  readonly connection: NatsConnection;
  readonly streams: JetStreamClient;
  readonly manager: JetStreamManager;
  readonly replicas: number;
  readonly retry: RetryOptions;
  readonly logger: Logger;
}

/** Header of a reply that states a failure. */
const failureHeader = 'Lateen-Failure';

/**
 * Connects to NATS. Later disconnections heal by themselves, with jitter and without end.
 * @throws LateenError LTN_BUS_CONNECT when no server answers in time, or at once when the password is wrong.
 */
export async function connectNats(options: NatsBusOptions): Promise<Bus> {
  const reconnect = new Backoff({ baseMs: 50, maxMs: 2000, random: options.random });
  const connection = await firstConnection(options, reconnect);
  const abort = new AbortController();
  const { clock, random, logger } = options;
  const shared: NatsConnected = {
    connection,
    streams: jetstream(connection, { timeout: attemptTimeoutMs }),
    manager: await jetstreamManager(connection, { timeout: attemptTimeoutMs, checkAPI: false }),
    replicas: options.replicas ?? 1,
    retry: { clock, random, closed: abort.signal },
    logger,
  };
  const offline = new OfflineEvents({ connection, logger, reconnect });
  const keyValues = new Map<string, Promise<KeyValue>>();
  const journals = new Map<string, Promise<Journal>>();

  /** One adapter a name; a failed opening is forgotten, so that the next call tries again. */
  const once = <T>(cache: Map<string, Promise<T>>, name: string, open: () => Promise<T>): Promise<T> => {
    if (abort.signal.aborted) return Promise.reject(closed());
    let found = cache.get(name);
    if (!found) {
      found = open();
      cache.set(name, found);
      found.catch(() => cache.delete(name));
    }
    return found;
  };

  return {
    publish(subject, payload) {
      if (abort.signal.aborted) return;
      if (!isSubject(subject)) throw badSubject(subject);
      offline.publish(subject, payload);
    },
    subscribe(pattern, handler) {
      if (abort.signal.aborted) throw closed();
      if (!isPattern(pattern)) throw badSubject(pattern);
      return subscribe(connection, pattern, { handler, logger });
    },
    async request(subject, payload, { timeoutMs }) {
      if (abort.signal.aborted) throw closed();
      if (!isSubject(subject)) throw badSubject(subject);
      let reply: Msg;
      try {
        reply = await connection.request(subject, payload, { timeout: timeoutMs });
      } catch (error) {
        throw requestError(subject, timeoutMs, abort.signal.aborted ? closed() : error);
      }
      const failure = reply.headers?.get(failureHeader);
      if (failure)
        throw new LateenError(decodeURIComponent(failure), { code: 'LTN_BUS_REFUSED', origin: 'peer' });
      return reply.data;
    },
    respond(pattern, queueGroup, handler) {
      if (abort.signal.aborted) throw closed();
      if (!isPattern(pattern)) throw badSubject(pattern);
      return respond(connection, pattern, { queueGroup, handler });
    },
    keyValue: (bucket) => once(keyValues, bucket, () => openNatsKeyValue(shared, bucket)),
    journal: (name) => once(journals, name, () => openNatsJournal(shared, name)),
    async close() {
      if (abort.signal.aborted) return;
      abort.abort();
      // Flushes what was published; a server that is gone must not hold the caller up.
      await Promise.race([connection.drain().catch(() => connection.close()), sleep(clock, 500)]);
      await connection.close();
    },
  };
}

async function firstConnection(options: NatsBusOptions, reconnect: Backoff): Promise<NatsConnection> {
  const { clock, random, servers, component } = options;
  const first = new Backoff({ baseMs: 50, maxMs: 500, random });
  const giveUpAt = clock.monotonic() + (options.connectTimeoutMs ?? 10_000);
  for (;;) {
    try {
      return await connect({
        servers: [...servers],
        name: component,
        inboxPrefix: `_INBOX_${component}`,
        ...(options.password ? { user: component, pass: options.password.reveal() } : {}),
        timeout: 2000,
        pingInterval: 10_000,
        maxReconnectAttempts: -1,
        reconnectDelayHandler: () => reconnect.next(),
      });
    } catch (error) {
      if (error instanceof AuthorizationError) {
        const message = `NATS at ${servers.join(', ')} refuses the user ${component}: check NATS_PASSWORD`;
        throw new LateenError(message, { code: 'LTN_BUS_CONNECT', origin: 'config', cause: error });
      }
      if (clock.monotonic() >= giveUpAt) {
        const message = `no NATS server answers at ${servers.join(', ')}: start one, or choose another by NATS_URL`;
        throw new LateenError(message, {
          code: 'LTN_BUS_CONNECT',
          origin: 'peer',
          retryable: true,
          cause: error,
        });
      }
      await sleep(clock, first.next());
    }
  }
}

/** Events published while the server is away: the newest few wait for it, in order. */
class OfflineEvents {
  readonly #connection: NatsConnection;
  readonly #logger: Logger;
  readonly #reconnect: Backoff;
  #waiting: { subject: string; payload: Uint8Array }[] = [];
  #online = true;
  #dropped = 0;

  constructor(options: { connection: NatsConnection; logger: Logger; reconnect: Backoff }) {
    this.#connection = options.connection;
    this.#logger = options.logger;
    this.#reconnect = options.reconnect;
    void this.#follow();
  }

  publish(subject: string, payload: Uint8Array): void {
    if (this.#online) return this.#connection.publish(subject, payload);
    this.#waiting.push({ subject, payload });
    if (this.#waiting.length > limits.offlineEvents) {
      this.#waiting.shift();
      this.#dropped += 1;
    }
  }

  async #follow(): Promise<void> {
    for await (const status of this.#connection.status()) {
      if (status.type === 'disconnect') {
        this.#online = false;
        this.#logger.warn({ server: status.server }, 'the connection to NATS broke, reconnecting');
      } else if (status.type === 'reconnect') {
        this.#logger.info({ server: status.server, dropped: this.#dropped }, 'connected to NATS again');
        this.#online = true;
        this.#reconnect.reset();
        this.#dropped = 0;
        const waiting = this.#waiting;
        this.#waiting = [];
        for (const event of waiting) this.#connection.publish(event.subject, event.payload);
      } else if (status.type === 'error') {
        this.#logger.warn({ err: status.error }, 'NATS reports an error');
      }
    }
  }
}

function subscribe(
  connection: NatsConnection,
  pattern: string,
  { handler, logger }: { handler: MessageHandler; logger: Logger },
): Subscription {
  let active = true;
  const subscription = connection.subscribe(pattern, {
    callback: (error, message) => {
      if (!active) return;
      if (error) return logger.warn({ err: error, subject: pattern }, 'a subscription was refused');
      try {
        handler(message.data, message.subject);
      } catch (thrown) {
        logger.error({ err: thrown, subject: message.subject }, 'a bus subscriber failed');
      }
    },
  });
  return {
    unsubscribe() {
      active = false;
      if (!connection.isClosed()) subscription.unsubscribe();
    },
  };
}

function respond(
  connection: NatsConnection,
  pattern: string,
  { queueGroup, handler }: { queueGroup: string; handler: RequestHandler },
): Subscription {
  let working = 0;
  const refuse = (message: Msg, reason: string): void => {
    const fields = headers();
    fields.set(failureHeader, encodeURIComponent(reason));
    message.respond(new Uint8Array(), { headers: fields });
  };
  const subscription = connection.subscribe(pattern, {
    queue: queueGroup,
    callback: (error, message) => {
      if (error) return;
      if (working >= limits.concurrentRequests)
        return refuse(message, `${message.subject}: too many requests`);
      working += 1;
      Promise.resolve()
        .then(() => handler(message.data, message.subject))
        .then(
          (reply) => void message.respond(reply),
          (thrown: unknown) => refuse(message, messageOf(thrown)),
        )
        // A reply to a connection that closed meanwhile reaches nobody; its caller times out.
        .catch(() => {})
        .finally(() => {
          working -= 1;
        });
    },
  });
  return { unsubscribe: () => void (connection.isClosed() || subscription.unsubscribe()) };
}

function requestError(subject: string, timeoutMs: number, error: unknown): LateenError {
  if (error instanceof LateenError) return error;
  if (error instanceof RequestError && error.isNoResponders()) {
    const message = `nobody responds on ${subject}`;
    return new LateenError(message, {
      code: 'LTN_BUS_UNANSWERED',
      origin: 'peer',
      retryable: true,
      cause: error,
    });
  }
  const late =
    error instanceof TimeoutError || (error instanceof Error && error.cause instanceof TimeoutError);
  const message = late
    ? `${subject} did not answer within ${timeoutMs} ms`
    : `${subject}: ${messageOf(error)}`;
  const code = late ? 'LTN_BUS_TIMEOUT' : 'LTN_BUS_UNAVAILABLE';
  return new LateenError(message, { code, origin: 'peer', retryable: true, cause: error });
}

import { Agent, request as httpRequest } from 'node:http';

/** One request to make. */
export interface LoadRequest {
  /** URL as the mesh's users write it; sent through `proxy` when that is given. */
  readonly url: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An answer, or why there was none. */
export interface LoadAnswer {
  /** 0 when the connection failed. */
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
  readonly elapsedMs: number;
  readonly error: string | undefined;
}

/** What a load came to. */
export interface LoadResult {
  readonly answers: readonly LoadAnswer[];
  /** Answers by status. */
  readonly statuses: ReadonlyMap<number, number>;
  /** Answers that were not 2xx or 3xx. */
  readonly failures: readonly LoadAnswer[];
}

/** A client that keeps its connections, straight to a host or through a sidecar's HTTP proxy port. */
export class LoadClient {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });
  readonly #proxy: URL | undefined;

  constructor(proxy?: string) {
    this.#proxy = proxy === undefined ? undefined : new URL(proxy);
  }

  /** Sends one request and reads the whole answer. Never throws: a failed connection is an answer of status 0. */
  send(load: LoadRequest): Promise<LoadAnswer> {
    const target = new URL(load.url);
    const proxy = this.#proxy;
    const headers: Record<string, string> = { host: target.host, ...load.headers };
    if (proxy?.username) {
      const credential = Buffer.from(`${proxy.username}:${proxy.password}`).toString('base64');
      headers['proxy-authorization'] = `Basic ${credential}`;
    }
    const begin = performance.now();
    return new Promise((resolve) => {
      const finish = (answer: Pick<LoadAnswer, 'status' | 'headers' | 'body' | 'error'>): void =>
        resolve({ ...answer, elapsedMs: performance.now() - begin });
      const request = httpRequest(
        {
          agent: this.#agent,
          host: (proxy ?? target).hostname,
          port: (proxy ?? target).port || 80,
          method: load.method ?? 'GET',
          path: proxy ? load.url : target.pathname + target.search,
          headers,
          timeout: 30_000,
        },
        (response) => {
          let body = '';
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => (body += chunk));
          response.on('error', (error) => finish({ status: 0, headers: {}, body, error: error.message }));
          response.on('end', () =>
            finish({ status: response.statusCode ?? 0, headers: response.headers, body, error: undefined }),
          );
        },
      );
      request.on('timeout', () => request.destroy(new Error('no answer within 30 s')));
      request.on('error', (error) => finish({ status: 0, headers: {}, body: '', error: error.message }));
      request.end();
    });
  }

  /** Sends `count` requests, `concurrency` at a time. */
  async sendMany(load: LoadRequest, count: number, concurrency = 16): Promise<LoadResult> {
    const answers: LoadAnswer[] = [];
    let started = 0;
    const worker = async (): Promise<void> => {
      while (started < count) {
        started += 1;
        answers.push(await this.send(load));
      }
    };
    await Promise.all(Array.from({ length: concurrency }, worker));
    return summarise(answers);
  }

  /** Sends at a fixed rate, late answers or not, until `until` resolves; then waits for the answers under way. */
  async sendSteadily(load: LoadRequest, perSecond: number, until: Promise<unknown>): Promise<LoadResult> {
    const answers: LoadAnswer[] = [];
    const underWay = new Set<Promise<void>>();
    let done = false;
    const finished = until.finally(() => (done = true));
    const begin = performance.now();
    for (let sent = 0; !done; sent += 1) {
      const waitMs = begin + (sent * 1000) / perSecond - performance.now();
      if (waitMs > 1) await new Promise((resolve) => setTimeout(resolve, waitMs));
      if (done) break;
      const one: Promise<void> = this.send(load).then((answer) => {
        answers.push(answer);
        underWay.delete(one);
      });
      underWay.add(one);
    }
    await finished;
    await Promise.all(underWay);
    return summarise(answers);
  }

  close(): void {
    this.#agent.destroy();
  }
}

function summarise(answers: readonly LoadAnswer[]): LoadResult {
  const statuses = new Map<number, number>();
  for (const { status } of answers) statuses.set(status, (statuses.get(status) ?? 0) + 1);
  return { answers, statuses, failures: answers.filter(({ status }) => status < 200 || status >= 400) };
}

import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';

/** A case of `bad-inputs.json` (shared/corpora). */
export interface BadInput {
  readonly id: string;
  readonly layer: string;
  readonly name: string;
  readonly severity: string;
  readonly raw?: string;
  readonly pattern?: {
    readonly prefix: string;
    readonly unit: string;
    readonly times: number;
    readonly suffix: string;
  };
  readonly input?: string;
  readonly driver?: string;
  readonly expect: Readonly<Record<string, unknown>> & {
    readonly action: string;
    readonly status?: readonly number[];
    readonly close?: boolean;
    readonly upstream_requests_max?: number;
    readonly upstream_complete_requests_max?: number;
  };
}

/** An origin that counts heads and complete requests, answering at once. */
export interface CountingOrigin extends AsyncDisposable {
  readonly port: number;
  readonly requests: readonly IncomingMessage[];
  readonly complete: number;
  reset(): void;
}

/** Starts a counting origin. */
export async function startCountingOrigin(): Promise<CountingOrigin> {
  let requests: IncomingMessage[] = [];
  let complete = 0;
  const server = createServer((request, response) => {
    requests.push(request);
    request.resume().on('end', () => (complete += 1));
    response.end('ok');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    get requests() {
      return requests;
    },
    get complete() {
      return complete;
    },
    reset() {
      requests = [];
      complete = 0;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** An origin that answers every first request of a connection with given bytes. */
export async function startScriptedOrigin(
  answer: string,
): Promise<AsyncDisposable & { port: number; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const server = createTcpServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {}); // the proxy may cut it: that is the point
    socket.once('data', () => socket.write(answer, 'latin1'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What a client got for its bytes. */
export interface Answer {
  readonly statuses: readonly number[];
  readonly closed: boolean;
  readonly text: string;
}

/** Sends bytes; resolves when the proxy closes, or after `quietMs` without a byte. */
export function send(port: number, bytes: string, quietMs = 150): Promise<Answer> {
  return new Promise((resolve) => {
    let text = '';
    let closed = false;
    let timer: NodeJS.Timeout | undefined;
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes, 'latin1'));
    const finish = (): void => {
      clearTimeout(timer);
      socket.destroy();
      const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => Number(match[1]));
      resolve({ statuses, closed, text });
    };
    const wait = (): void => {
      clearTimeout(timer);
      timer = setTimeout(finish, quietMs);
    };
    wait();
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      wait();
    });
    socket.on('error', () => {}); // a reset is a close
    socket.on('end', () => (closed = true));
    socket.on('close', () => {
      closed = true;
      finish();
    });
  });
}

/** Bytes of a case; `undefined` for those that are told in prose. */
export function bytesOf({ raw, pattern }: BadInput): string | undefined {
  if (raw !== undefined) return raw;
  return pattern && pattern.prefix + pattern.unit.repeat(pattern.times) + pattern.suffix;
}

/** What an answer misses of what the case asks; empty: nothing. */
export function objections(badInput: BadInput, answer: Answer, origin: CountingOrigin): string[] {
  const {
    action,
    status,
    close,
    upstream_requests_max: most,
    upstream_complete_requests_max: complete,
  } = badInput.expect;
  const found: string[] = [];
  const first = answer.statuses.find((code) => code >= 200);
  if (most !== undefined && origin.requests.length > most)
    found.push(`${origin.requests.length} requests reached the origin`);
  if (complete !== undefined && origin.complete > complete)
    found.push(`${origin.complete} complete requests reached the origin`);
  if (action === 'reject') {
    if (first === undefined || !status?.includes(first))
      found.push(`status ${first}, not ${status?.join(' or ')}`);
    if (close && !answer.closed) found.push('the connection stayed open');
  } else if (action === 'forward-then-400') {
    if (answer.statuses.join() !== '200,400') found.push(`statuses ${answer.statuses.join()}`);
  } else if (first === undefined) found.push('no answer');
  else if (first !== 200 && status && !status.includes(first)) found.push(`status ${first}`);
  return found;
}

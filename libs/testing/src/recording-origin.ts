import { createServer as createHttpServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';

/** A request as an HTTP origin saw it. */
export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A server on loopback that remembers what reached it. */
export interface RecordingOrigin<T> extends AsyncDisposable {
  readonly port: number;
  /** What came so far, oldest first. */
  readonly seen: readonly T[];
  /** Resolves when at least `count` have come. */
  waitFor(count: number): Promise<readonly T[]>;
}

class Recorder<T> {
  readonly seen: T[] = [];
  readonly #waiting = new Set<() => void>();

  add(item: T): void {
    this.seen.push(item);
    for (const check of this.#waiting) check();
  }

  waitFor(count: number): Promise<readonly T[]> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (this.seen.length < count) return;
        this.#waiting.delete(check);
        resolve(this.seen);
      };
      this.#waiting.add(check);
      check();
    });
  }
}

function listen<T>(server: Server, recorder: Recorder<T>): Promise<RecordingOrigin<T>> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const dispose = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () =>
      resolve({
        port: (server.address() as AddressInfo).port,
        seen: recorder.seen,
        waitFor: (count) => recorder.waitFor(count),
        [Symbol.asyncDispose]: dispose,
      }),
    );
  });
}

/** HTTP/1.1 origin; `answer` replies (200 with an empty body when absent) after the request's body has come. */
export function createHttpOrigin(
  answer: (request: RecordedRequest, response: Parameters<RequestListener>[1]) => void = (
    _request,
    response,
  ) => void response.end(),
): Promise<RecordingOrigin<RecordedRequest>> {
  const recorder = new Recorder<RecordedRequest>();
  const server = createHttpServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request;
      const recorded = { method, path, headers, body: Buffer.concat(chunks) };
      recorder.add(recorded);
      answer(recorded, response);
    });
  });
  return listen(server, recorder);
}

/** TCP origin that records every piece of bytes; `greeting` is sent first, `answer` replies to a piece. */
export function createTcpOrigin(
  options: {
    readonly greeting?: Uint8Array | string;
    readonly answer?: (bytes: Buffer, socket: Socket) => void;
  } = {},
): Promise<RecordingOrigin<Buffer>> {
  const recorder = new Recorder<Buffer>();
  const server = createTcpServer((socket) => {
    socket.on('error', () => {}); // a peer that resets is no event of the test
    if (options.greeting !== undefined) socket.write(options.greeting);
    socket.on('data', (bytes: Buffer) => {
      recorder.add(bytes);
      options.answer?.(bytes, socket);
    });
  });
  return listen(server, recorder);
}

import type { Socket } from 'node:net';
import type { Clock } from '@lateen/runtime';
import { maxClientHelloBytes, parseClientHello } from './client-hello.ts';
import { parseHttpPreface } from './http-preface.ts';

/** What the first bytes of a connection told. */
export interface Inspected {
  readonly transport: 'tls' | 'raw_buffer';
  readonly serverName: string;
  readonly applicationProtocols: readonly string[];
}

/** What to look for. */
export interface InspectionOptions {
  readonly tls: boolean;
  readonly http: boolean;
  /** `undefined`: wait for ever. */
  readonly timeoutMs: number | undefined;
  readonly clock: Clock;
}

/** Nothing was looked for or nothing was found. */
export const plainBytes: Inspected = { transport: 'raw_buffer', serverName: '', applicationProtocols: [] };

/** A little above the longest ClientHello, for its record headers. */
const maxBytes = maxClientHelloBytes + 1024;

function decide(bytes: Buffer, options: InspectionOptions): Inspected | 'more' {
  if (options.tls) {
    const hello = parseClientHello(bytes);
    if (hello === 'more') return bytes.length > maxBytes ? plainBytes : 'more';
    if (hello !== 'none') return { transport: 'tls', ...hello };
  }
  if (options.http) {
    const version = parseHttpPreface(bytes);
    if (version === 'more') return 'more';
    if (version !== 'none') return { ...plainBytes, applicationProtocols: [version] };
  }
  return plainBytes;
}

/**
 * Looks at the first bytes of a paused socket and puts them back. `timeout`: not enough came in time, `closed`: the
 * client went away. The socket is paused afterwards, with every byte in it.
 */
export function inspect(
  socket: Socket,
  options: InspectionOptions,
): Promise<Inspected | 'timeout' | 'closed'> {
  return new Promise((resolve) => {
    let seen = Buffer.alloc(0);
    const finish = (outcome: Inspected | 'timeout' | 'closed'): void => {
      timer?.cancel();
      socket.off('readable', onReadable);
      socket.off('close', onClose);
      if (seen.length > 0 && !socket.destroyed) socket.unshift(seen);
      // Dropping a 'readable' listener lets the stream flow again in a later tick: it is paused now and, since that
      // tick runs before the promise's continuation, the caller pauses it once more.
      socket.pause();
      resolve(outcome);
    };
    const onReadable = (): void => {
      const chunk: unknown = socket.read();
      if (!(chunk instanceof Buffer)) {
        // The end of the stream shows as a read that answers nothing: what came must do.
        return finish(socket.destroyed ? 'closed' : plainBytes);
      }
      seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
      const found = decide(seen, options);
      if (found !== 'more') finish(found);
    };
    const onClose = (): void => finish('closed');
    const { timeoutMs } = options;
    const timer =
      timeoutMs === undefined ? undefined : options.clock.after(timeoutMs, () => finish('timeout'));
    socket.once('close', onClose);
    socket.on('readable', onReadable);
  });
}

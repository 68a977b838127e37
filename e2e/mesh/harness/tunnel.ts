import { connect, type Socket } from 'node:net';

/** What a proxy answered to a CONNECT. */
export interface Tunnel {
  /** Status of the answer; 0 when the connection ended before. */
  readonly status: number;
  /** The connection behind the answer; speak on it when the status is 200. */
  readonly socket: Socket;
  /** What came behind the answer's head in the same piece. */
  readonly rest: string;
}

const timeoutMs = 10_000;

/** Sends `CONNECT target` with the proxy URL's credential. Never throws. */
export function openTunnel(proxyUrl: string, target: string): Promise<Tunnel> {
  const proxy = new URL(proxyUrl);
  const credential = Buffer.from(`${proxy.username}:${proxy.password}`).toString('base64');
  const socket = connect(Number(proxy.port), proxy.hostname);
  socket.write(
    `CONNECT ${target} HTTP/1.1\r\nhost: ${target}\r\nproxy-authorization: Basic ${credential}\r\n\r\n`,
  );
  return new Promise((resolve) => {
    let head = '';
    const end = (): void => resolve({ status: 0, socket, rest: '' });
    const take = (chunk: Buffer): void => {
      head += chunk.toString('latin1');
      const at = head.indexOf('\r\n\r\n');
      if (at < 0) return;
      socket.off('data', take);
      socket.pause();
      resolve({ status: Number(head.split(' ')[1]), socket, rest: head.slice(at + 4) });
    };
    socket.setTimeout(timeoutMs, () => socket.destroy());
    socket.on('error', end);
    socket.on('close', end);
    socket.on('data', take);
  });
}

/** Reads from a connection until the text fits, the connection ends or five seconds have passed; what came. */
export function readUntil(socket: Socket, begun: string, fits: (text: string) => boolean): Promise<string> {
  return new Promise((resolve) => {
    let text = begun;
    const end = (): void => {
      clearTimeout(late);
      socket.off('data', take);
      resolve(text);
    };
    const take = (chunk: Buffer): void => {
      text += chunk.toString();
      if (fits(text)) end();
    };
    const late = setTimeout(end, 5000);
    if (fits(text)) return end();
    socket.on('data', take);
    socket.once('close', end);
    socket.once('error', end);
    socket.resume();
  });
}

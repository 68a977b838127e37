import type { RequestHeaders, ResponseHeaders } from '@lateen/http-wire';
import type { Clock } from '@lateen/runtime';
import type { ManagerSettings } from './settings.ts';

const hopByHop = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']);

/** HTTP date of a clock, formatted once a second. */
export class DateHeader {
  readonly #clock: Clock;
  #second = -1;
  #text = '';

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  text(): string {
    const second = Math.floor(this.#clock.now() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#text = new Date(second * 1000).toUTCString();
    }
    return this.#text;
  }
}

/** Makes a response's headers fit for the client: hop-by-hop fields out; date, server, via and request id in. */
export function applyResponseRules(
  headers: ResponseHeaders,
  request: RequestHeaders,
  manager: { readonly settings: ManagerSettings; readonly date: DateHeader },
  tunnel: boolean,
): void {
  const { settings, date } = manager;
  let hops = false;
  for (let index = 0; index < headers.size && !hops; index += 1) hops = hopByHop.has(headers.nameAt(index));
  if (hops) {
    headers.deleteWhere(
      (name) => hopByHop.has(name) && !(tunnel && (name === 'connection' || name === 'upgrade')),
    );
  }
  if (!headers.has('date')) headers.append('date', date.text());
  if (settings.serverHeader === 'overwrite') headers.set('server', settings.serverName);
  else if (settings.serverHeader === 'append-if-absent' && !headers.has('server')) {
    headers.append('server', settings.serverName);
  }
  if (settings.via !== '') headers.append('via', settings.via);
  if (settings.requestIdInResponse) {
    const id = request.get('x-request-id');
    if (id !== undefined) headers.set('x-request-id', id);
  }
}

import { isIP } from 'node:net';
import type { RequestHeaders } from '@lateen/http-wire';
import type { Random } from '@lateen/runtime';
import type { ConnectionInfo } from '../connection.ts';
import { applyClientCertificate } from './client-certificate.ts';
import { uuid } from './request-id.ts';
import type { ManagerSettings } from './settings.ts';

/** Only a caller that is trusted may steer the router by these. */
const internalOnly = new Set([
  'x-envoy-retry-on',
  'x-envoy-retry-grpc-on',
  'x-envoy-max-retries',
  'x-envoy-retriable-status-codes',
  'x-envoy-retriable-header-names',
  'x-envoy-hedge-on-per-try-timeout',
  'x-envoy-upstream-alt-stat-name',
  'x-envoy-upstream-rq-timeout-ms',
  'x-envoy-upstream-rq-per-try-timeout-ms',
  'x-envoy-upstream-rq-timeout-alt-response',
  'x-envoy-upstream-stream-duration-ms',
  'x-envoy-expected-rq-timeout-ms',
  'x-envoy-force-trace',
  'x-envoy-ip-tags',
  'x-envoy-original-url',
  'x-envoy-internal',
]);
const edgeOnly = new Set([
  'x-envoy-decorator-operation',
  'x-envoy-downstream-service-cluster',
  'x-envoy-downstream-service-node',
  'x-envoy-external-address',
  'x-envoy-original-path',
  'x-envoy-original-host',
]);
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

/** Address `hops` places from the end of x-forwarded-for; `undefined` when it isn't one. */
function forwardedAddress(value: string | undefined, hops: number): string | undefined {
  if (value === undefined) return undefined;
  const addresses = value.split(',');
  const text = addresses[addresses.length - 1 - hops]?.trim() ?? '';
  return isIP(text) === 0 ? undefined : text;
}

/** Does a name start with `x-envoy-`? Requests mostly carry none, so the sets are asked for those alone. */
function isEnvoyHeader(name: string): boolean {
  return name.startsWith('x-envoy-');
}

/**
 * Makes a request's headers fit for the mesh: hop-by-hop fields out, addresses and protocol from the real connection,
 * steering headers of strangers out, request id and client certificate in. Envoy's connection manager rules.
 * @returns the address that the client is known by
 */
export function applyRequestRules(
  headers: RequestHeaders,
  connection: ConnectionInfo,
  options: { settings: ManagerSettings; random: Random; upgrade: string },
): string {
  const { settings, random } = options;
  const remote = connection.remote.address;
  let hops = false;
  let envoy = false;
  for (let index = 0; index < headers.size; index += 1) {
    const name = headers.nameAt(index);
    if (hopByHop.has(name)) hops = true;
    else if (isEnvoyHeader(name)) envoy = true;
  }
  if (hops) {
    const keep = options.upgrade !== '';
    headers.deleteWhere(
      (name) => hopByHop.has(name) && !(keep && (name === 'connection' || name === 'upgrade')),
    );
  }
  if (headers.has('te') && headers.get('te')?.toLowerCase() !== 'trailers') headers.delete('te');
  const secure = connection.transport === 'tls' ? 'https' : 'http';
  let address: string | undefined;
  let single: boolean;
  if (settings.useRemoteAddress) {
    const before = headers.get('x-forwarded-for');
    single = before === undefined;
    if (settings.trustedHops > 0) address = forwardedAddress(before, settings.trustedHops - 1);
    address ??= remote;
    if (!settings.skipXffAppend && remote !== '') {
      headers.set('x-forwarded-for', before === undefined || before === '' ? remote : `${before},${remote}`);
    }
    if (settings.trustedHops === 0 || !headers.has('x-forwarded-proto'))
      headers.set('x-forwarded-proto', secure);
  } else {
    const before = headers.get('x-forwarded-for');
    single = before !== undefined && !before.includes(',');
    address = forwardedAddress(before, settings.trustedHops);
  }
  const proto = headers.get('x-forwarded-proto');
  if (proto !== 'http' && proto !== 'https') headers.set('x-forwarded-proto', secure);
  headers.scheme = settings.scheme ?? (headers.get('x-forwarded-proto') === 'https' ? 'https' : 'http');
  if (settings.appendForwardedPort && !headers.has('x-forwarded-port')) {
    headers.append('x-forwarded-port', String(connection.local.port));
  }
  const internal = single && address !== undefined && settings.isInternal(address);
  const edge = !internal && settings.useRemoteAddress;
  if (envoy && !internal)
    headers.deleteWhere((name) => internalOnly.has(name) || (edge && edgeOnly.has(name)));
  if (internal) headers.set('x-envoy-internal', 'true');
  const known = address ?? remote;
  if (edge && known !== '') headers.set('x-envoy-external-address', known);
  if (settings.via !== '') headers.append('via', settings.via);
  const id = headers.get('x-request-id');
  const foreign = edge && !settings.preserveExternalRequestId;
  if (settings.generateRequestId && (id === undefined || id === '' || foreign))
    headers.set('x-request-id', uuid(random));
  applyClientCertificate(headers, connection, settings.clientCertificate);
  return known;
}

/** Host without port or trailing dot where the manager's settings ask for it. */
export function normaliseHost(
  headers: RequestHeaders,
  settings: ManagerSettings,
  listenerPort: number,
): void {
  if (settings.stripPort === 'keep' && !settings.stripTrailingDot) return;
  let host = headers.authority;
  const port = /:(\d+)$/.exec(host)?.[1];
  let rest = port === undefined ? '' : `:${port}`;
  if (port !== undefined) host = host.slice(0, -rest.length);
  const strip =
    settings.stripPort === 'any' || (settings.stripPort === 'matching' && port === String(listenerPort));
  if (strip && headers.method !== 'CONNECT') rest = '';
  if (settings.stripTrailingDot && host.endsWith('.')) host = host.slice(0, -1);
  if (host + rest !== headers.authority) headers.authority = host + rest;
}

import { type Http1Request, isAuthority } from '@lateen/http-wire';
import type { ConnectionInfo } from '../connection.ts';
import type { LocalReply } from '../http-filters/filter.ts';
import type { StreamRecord } from '../reporting/stream-record.ts';
import type { Manager } from './manager.ts';
import { normalisePath } from './path-normaliser.ts';
import { applyRequestRules, normaliseHost } from './request-rules.ts';

/** Framing and routing hang on these; a client must not name them with an underscore twin that an app confuses. */
function hasUnderscore(name: string): boolean {
  return name.includes('_');
}

/**
 * What the connection manager does to a request before any filter sees it: host, path and headers made canonical.
 * @returns the answer to a request that is not let in
 */
export function admitRequest(
  request: Http1Request,
  connection: ConnectionInfo,
  options: { manager: Manager; record: StreamRecord; upgrade: string },
): LocalReply | undefined {
  const { manager, record, upgrade } = options;
  const { settings, random } = manager;
  const { headers } = request;
  if (settings.underscores !== 'allow') {
    for (let index = 0; index < headers.size; index += 1) {
      if (!hasUnderscore(headers.nameAt(index))) continue;
      if (settings.underscores === 'reject') {
        return { status: 400, body: '', details: 'http1.unexpected_underscore' };
      }
      headers.deleteWhere(hasUnderscore);
      break;
    }
  }
  if (headers.authority === '') {
    if (!isAuthority(settings.defaultHost)) return { status: 400, body: '', details: 'missing_host_header' };
    headers.authority = settings.defaultHost;
  }
  if (request.form === 'absolute' && !settings.allowAbsoluteUrl) {
    return { status: 404, body: '', details: 'absolute_path_rejected' };
  }
  if (request.form === 'asterisk') return { status: 404, body: '', details: 'absolute_path_rejected' };
  normaliseHost(headers, settings, connection.local.port);
  if (headers.path !== '') {
    const normalised = normalisePath(headers.path, settings.path);
    if (normalised.kind === 'invalid') return { status: 400, body: '', details: 'path_normalization_failed' };
    headers.path = normalised.path;
    if (normalised.kind === 'redirect') {
      const location = normalised.path;
      return {
        status: 307,
        body: '',
        details: 'path_normalization_failed',
        edit: (response) => response.set('location', location),
      };
    }
  }
  record.remoteAddress = applyRequestRules(headers, connection, { settings, random, upgrade });
  return undefined;
}

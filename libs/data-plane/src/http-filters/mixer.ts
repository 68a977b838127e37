import { addressBytes } from '@lateen/matching';
import {
  addCheckAttributes,
  addRequestAttributes,
  addResponseAttributes,
  type CheckOutcome,
  createMixerClient,
  forwardedAttributesHeader,
  type HeaderOperation,
  type MixerClient,
} from '@lateen/mixer-client';
import { type istio_mixer_v1_config_client_ServiceConfig as ServiceConfig, unpackAny } from '@lateen/protos';
import type { MutableHeaders } from '@lateen/routing-engine';
import { responseFlag, shortFlags } from '../reporting/response-flags.ts';
import type { FilterStream, FilterVerdict, HttpFilter } from './filter.ts';
import type { HttpFilterKind } from './kind.ts';

const config = 'istio.mixer.v1.config.client.HttpClientConfig';
const routeConfig = 'istio.mixer.v1.config.client.ServiceConfig';

type Bag = ReturnType<MixerClient['requestBag']>;

interface Note {
  readonly bag: Bag;
  readonly service: ServiceConfig | undefined;
  outcome: CheckOutcome | undefined;
}

function applyOperations(headers: MutableHeaders, operations: readonly HeaderOperation[]): void {
  for (const { name, value, operation } of operations) {
    if (operation === 'remove') headers.delete(name);
    else if (operation === 'append') headers.append(name, value);
    else headers.set(name, value);
  }
}

/** IP and port of `IP:PORT` or `[IP]:PORT`. */
function hostAddress(label: string): { ip: Uint8Array; port: number } | undefined {
  const match = /^\[?([^\]]*)\]?:(\d+)$/.exec(label);
  const ip = match ? addressBytes(match[1]!) : undefined;
  return ip && match ? { ip, port: Number(match[2]) } : undefined;
}

/**
 * Mixer in the proxy (Istio's `mixer` HTTP filter): Check before the request is forwarded where a check is in force,
 * Report after the stream. The route's config is the called service's.
 */
export const mixer: HttpFilterKind = {
  config,
  routeConfig,
  decodeRoute: (any) => unpackAny(routeConfig, any),
  compile(any, { name, surroundings }) {
    const { clock, random, metrics, logger, rpc } = surroundings;
    const settings = unpackAny(config, any);
    const { checkCluster = '', reportCluster = '' } = settings.transport ?? {};
    const clientFor = (cluster: string): MixerClient =>
      createMixerClient({ client: () => rpc(cluster), config: settings, clock, random, metrics, logger });
    const client = clientFor(checkCluster || reportCluster);
    const reporter =
      reportCluster === '' || reportCluster === checkCluster ? client : clientFor(reportCluster);

    const requestFacts = (stream: FilterStream, bag: Bag): void => {
      const { requestHeaders: headers, connection, record } = stream;
      addRequestAttributes(bag, {
        headers,
        method: headers.method,
        path: headers.path,
        authority: headers.authority,
        scheme: headers.scheme,
        sourceIp: addressBytes(record.remoteAddress || connection.remote.address),
        mutualTls: connection.peer !== undefined,
        requestedServerName: connection.serverName,
        peerPrincipal: connection.peer?.uris[0],
        localPrincipal: connection.ownUris[0],
        timeMs: record.startedAt,
      });
    };
    const settle = (stream: FilterStream, note: Note, outcome: CheckOutcome): FilterVerdict => {
      note.outcome = outcome;
      if (outcome.kind === 'allowed') {
        applyOperations(stream.requestHeaders, outcome.requestHeaderOperations);
        if (outcome.requestHeaderOperations.length > 0) stream.clearRoute();
        return 'continue';
      }
      stream.reply({
        status: outcome.httpStatus,
        body: outcome.body,
        details: `mixer_denied_${outcome.reason}`,
        flags:
          outcome.reason === 'quota' ? responseFlag.rateLimited : responseFlag.unauthorizedExternalService,
        ...(outcome.code === 0 ? {} : { grpcStatus: outcome.code }),
        edit: (headers) => {
          for (const [header, value] of outcome.headers) headers.append(header, value);
        },
      });
      return 'answered';
    };

    const filter: HttpFilter = {
      name,
      onRequest(stream) {
        const headers = stream.requestHeaders;
        const service = stream.routeConfig(name) as ServiceConfig | undefined;
        const forwarded = headers.get(forwardedAttributesHeader);
        const next = client.forwardedHeader(service);
        if (next !== undefined) headers.set(forwardedAttributesHeader, next);
        else if (forwarded !== undefined) headers.delete(forwardedAttributesHeader);
        const checks = client.checks(service);
        if (!checks && !reporter.reports(service)) return 'continue';
        const bag = client.requestBag(service, forwarded);
        requestFacts(stream, bag);
        const note: Note = { bag, service, outcome: undefined };
        stream.setNote(filter, note);
        if (!checks) return 'continue';
        const outcome = client.check(bag, service);
        if (!(outcome instanceof Promise)) return settle(stream, note, outcome);
        outcome.then(
          (decided) => {
            if (stream.record.endAt < 0 && settle(stream, note, decided) === 'continue') stream.proceed();
          },
          (error: unknown) => {
            logger.error({ err: error }, 'a mixer check failed inside the proxy');
            stream.reply({
              status: 500,
              body: '',
              details: 'mixer_internal_error',
              flags: responseFlag.localReset,
            });
          },
        );
        return 'wait';
      },
      onResponse(stream, headers) {
        const note = stream.note(filter) as Note | undefined;
        if (note?.outcome?.kind === 'allowed')
          applyOperations(headers, note.outcome.responseHeaderOperations);
      },
      onComplete(stream) {
        const note = stream.note(filter) as Note | undefined;
        if (!note || !reporter.reports(note.service)) return;
        const { record, responseHeaders, requestHeaders } = stream;
        const { bag } = note;
        const upstream = hostAddress(record.upstreamHost);
        addResponseAttributes(bag, {
          headers: responseHeaders ?? [],
          status: Number(responseHeaders?.get(':status') ?? 0),
          requestSize: record.bytesReceived,
          requestTotalSize: record.bytesReceived + headBytes(requestHeaders),
          responseSize: record.bytesSent,
          responseTotalSize: record.bytesSent + (responseHeaders ? headBytes(responseHeaders) : 0),
          durationMs: record.endAt - record.begunAt,
          timeMs: record.startedAt + record.endAt - record.begunAt,
          flags: shortFlags(record.flagOrder),
          destinationIp: upstream?.ip,
          destinationPort: upstream?.port,
          grpcStatus: responseHeaders?.get('grpc-status'),
          grpcMessage: responseHeaders?.get('grpc-message'),
        });
        if (note.outcome) addCheckAttributes(bag, note.outcome);
        reporter.report(bag);
      },
    };
    return filter;
  },
};

/** Bytes of the header fields as lines. */
function headBytes(headers: Iterable<readonly [string, string]>): number {
  let bytes = 0;
  for (const [name, value] of headers) bytes += name.length + value.length + 4;
  return bytes;
}

import { compileHeaderMatchers, fractionOf, invalidConfig, refuseFields } from '@lateen/matching';
import {
  durationMs,
  type envoy_extensions_filters_http_fault_v3_HTTPFault as HttpFault,
  unpackAny,
} from '@lateen/protos';
import type { HeadersMatcher } from '@lateen/matching';
import { responseFlag } from '../reporting/response-flags.ts';
import type { FilterStream } from './filter.ts';
import type { HttpFilterKind } from './kind.ts';

const message = 'envoy.extensions.filters.http.fault.v3.HTTPFault';

interface Fault {
  readonly matches: HeadersMatcher | undefined;
  readonly cluster: string;
  readonly delayMs: number;
  readonly delayShare: number;
  readonly delayByHeader: boolean;
  readonly abortStatus: number;
  readonly abortGrpc: number | undefined;
  readonly abortShare: number;
  readonly abortByHeader: boolean;
  readonly maxActive: number;
}

function compileFault(fault: HttpFault, path: string): Fault {
  refuseFields(fault, path, ['downstreamNodes', 'responseRateLimit', 'filterMetadata']);
  const { delay, abort } = fault;
  const status = abort?.httpStatus ?? 0;
  if (abort && abort.httpStatus !== undefined && (status < 200 || status > 599)) {
    throw invalidConfig(`${path}.abort.http_status`, 'must be from 200 to 599');
  }
  const delayMs = durationMs(delay?.fixedDelay) ?? 0;
  if (delay?.fixedDelay && delayMs <= 0)
    throw invalidConfig(`${path}.delay.fixed_delay`, 'must be greater than 0');
  const headers = fault.headers ?? [];
  return {
    matches: headers.length > 0 ? compileHeaderMatchers(headers, `${path}.headers`) : undefined,
    cluster: fault.upstreamCluster ?? '',
    delayMs,
    delayShare: fractionOf(delay?.percentage),
    delayByHeader: delay?.headerDelay !== undefined,
    abortStatus: status,
    abortGrpc: abort?.grpcStatus,
    abortShare: fractionOf(abort?.percentage),
    abortByHeader: abort?.headerAbort !== undefined,
    maxActive: fault.maxActiveFaults?.value ?? Number.POSITIVE_INFINITY,
  };
}

function numberHeader(stream: FilterStream, name: string, low: number, high: number): number | undefined {
  const text = stream.requestHeaders.get(name);
  if (text === undefined || !/^\d{1,9}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= low && value <= high ? value : undefined;
}

/** Share of requests that a header may lower to (`x-envoy-fault-*-request-percentage`), never raise. */
function share(stream: FilterStream, name: string, configured: number): number {
  const asked = numberHeader(stream, name, 0, 100);
  return asked === undefined ? configured : Math.min(configured, asked / 100);
}

function reached(fault: Fault, stream: FilterStream): boolean {
  if (fault.matches && !fault.matches(stream.requestHeaders)) return false;
  if (fault.cluster === '') return true;
  const route = stream.route();
  return route.kind === 'forward' && route.cluster === fault.cluster;
}

/** Delays and aborts requests (Envoy's fault filter). The route's config replaces the filter's own. */
export const fault: HttpFilterKind = {
  config: message,
  routeConfig: message,
  decodeRoute: (any, path) => compileFault(unpackAny(message, any), path),
  compile(any, { name, path, surroundings }) {
    const { clock, random } = surroundings;
    const own = compileFault(unpackAny(message, any), path);
    let active = 0;

    const delayOf = (config: Fault, stream: FilterStream): number => {
      if (config.delayByHeader) {
        const ms = numberHeader(stream, 'x-envoy-fault-delay-request', 1, 86_400_000) ?? 0;
        return random() < share(stream, 'x-envoy-fault-delay-request-percentage', config.delayShare) ? ms : 0;
      }
      return config.delayMs > 0 && random() < config.delayShare ? config.delayMs : 0;
    };
    const abort = (config: Fault, stream: FilterStream): boolean => {
      let { abortStatus, abortGrpc } = config;
      let portion = config.abortShare;
      if (config.abortByHeader) {
        abortStatus = numberHeader(stream, 'x-envoy-fault-abort-request', 200, 599) ?? 0;
        abortGrpc = numberHeader(stream, 'x-envoy-fault-abort-grpc-request', 0, 16);
        portion = share(stream, 'x-envoy-fault-abort-request-percentage', portion);
      }
      if ((abortStatus === 0 && abortGrpc === undefined) || random() >= portion) return false;
      stream.reply({
        status: abortStatus === 0 ? 200 : abortStatus,
        body: 'fault filter abort',
        details: 'fault_filter_abort',
        flags: responseFlag.faultInjected,
        ...(abortGrpc === undefined ? {} : { grpcStatus: abortGrpc }),
      });
      return true;
    };

    const filter = {
      name,
      onRequest(stream: FilterStream) {
        const config = (stream.routeConfig(name) as Fault | undefined) ?? own;
        if (!reached(config, stream) || active >= config.maxActive) return 'continue' as const;
        const delayMs = delayOf(config, stream);
        if (delayMs === 0) return abort(config, stream) ? ('answered' as const) : ('continue' as const);
        stream.record.flag(responseFlag.delayInjected);
        active += 1;
        const timer = clock.after(delayMs, () => {
          stream.setNote(filter, undefined);
          active -= 1;
          if (!abort(config, stream)) stream.proceed();
        });
        stream.setNote(filter, () => {
          timer.cancel();
          active -= 1;
        });
        return 'wait' as const;
      },
      onComplete(stream: FilterStream) {
        const cancel = stream.note(filter) as (() => void) | undefined;
        cancel?.();
      },
    };
    return filter;
  },
};

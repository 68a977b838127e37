import { describe, expect, test } from 'vitest';
import {
  anyName,
  decode,
  describeMessage,
  durationMs,
  durationOf,
  encode,
  enumName,
  enumOf,
  fromJson,
  packAny,
  structJson,
  structOf,
  toJson,
  unpackAny,
} from './index.ts';

const clusterName = 'envoy.config.cluster.v3.Cluster';

describe('codec', () => {
  test('a cluster survives the wire, with 64-bit seconds as numbers', () => {
    const bytes = encode(clusterName, {
      name: 'outbound|80||a',
      connectTimeout: { seconds: 10 },
      lbPolicy: enumOf('envoy.config.cluster.v3.Cluster.LbPolicy').LEAST_REQUEST,
    });
    const cluster = decode(clusterName, bytes);
    expect(cluster.name).toBe('outbound|80||a');
    expect(cluster.connectTimeout?.seconds).toBe(10);
    expect(enumName('envoy.config.cluster.v3.Cluster.LbPolicy', cluster.lbPolicy ?? 0)).toBe('LEAST_REQUEST');
  });

  test('absent messages and oneof members are undefined, absent lists are empty', () => {
    const match = decode(
      'envoy.config.route.v3.RouteMatch',
      encode('envoy.config.route.v3.RouteMatch', { path: '/a' }),
    );
    expect(match.prefix).toBeUndefined();
    expect(match.safeRegex).toBeUndefined();
    expect(match.headers).toEqual([]);
    expect(match.path).toBe('/a');
    expect(decode('istio.networking.v1alpha3.StringMatch', new Uint8Array()).exact).toBeUndefined();
  });

  test('a type of the control plane only is found', () => {
    const bytes = encode('istio.networking.v1alpha3.VirtualService', { hosts: ['a'] });
    expect(decode('istio.networking.v1alpha3.VirtualService', bytes).hosts).toEqual(['a']);
  });

  test('Any is packed, named and opened, and refuses another type', () => {
    const any = packAny('google.protobuf.StringValue', { value: 'x' });
    expect(anyName(any)).toBe('google.protobuf.StringValue');
    expect(unpackAny('google.protobuf.StringValue', any).value).toBe('x');
    expect(() => unpackAny('google.protobuf.BoolValue', any)).toThrow(/expected google.protobuf.BoolValue/);
  });

  test('JSON has camelCase names, named enums and opened Anys, and reads snake_case', () => {
    const filter = fromJson('envoy.config.listener.v3.Filter', {
      name: 'tcp',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
        stat_prefix: 's',
        cluster: 'c',
      },
    });
    expect(toJson('envoy.config.listener.v3.Filter', filter)).toEqual({
      name: 'tcp',
      typedConfig: {
        '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
        statPrefix: 's',
        cluster: 'c',
      },
    });
  });

  test('JSON opens an Any of a type that only the other bundle has', () => {
    const json = {
      name: 'x',
      typedConfig: {
        '@type': 'type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua',
        inlineCode: 'x',
      },
    };
    const filter = fromJson('envoy.config.listener.v3.Filter', json);
    expect(toJson('envoy.config.listener.v3.Filter', filter)).toEqual(json);
  });

  test('a descriptor tells lists, maps, oneofs and enums apart', () => {
    const fields = describeMessage('istio.networking.v1alpha3.HTTPMatchRequest').fields;
    expect(fields.get('headers')).toMatchObject({ mapKey: 'string', value: { kind: 'message' } });
    expect(fields.get('ignore_uri_case')?.name).toBe('ignoreUriCase');
    expect(describeMessage('istio.networking.v1alpha3.StringMatch').fields.get('exact')?.oneof).toBe(
      'matchType',
    );
    expect(describeMessage('istio.networking.v1alpha3.VirtualService').fields.get('http')?.repeated).toBe(
      true,
    );
  });
});

test('durations keep nanoseconds', () => {
  expect(durationOf(1500)).toEqual({ seconds: 1, nanos: 500_000_000 });
  expect(durationMs({ seconds: 1, nanos: 1 })).toBeCloseTo(1000.000001, 6);
});

test('a struct keeps a __proto__ key as data', () => {
  const json = structJson(structOf(JSON.parse('{"__proto__": {"a": 1}, "b": [true, null]}')));
  expect(Object.keys(json)).toEqual(['__proto__', 'b']);
  expect(({} as Record<string, unknown>).a).toBeUndefined();
});

test('a zero inside a wrapper is a value', () => {
  const mirror = 'envoy.config.route.v3.RouteAction.RequestMirrorPolicy';
  const { traceSampled } = fromJson(mirror, { cluster: 'c', traceSampled: false });
  expect(traceSampled?.value ?? true).toBe(false);
  expect(fromJson(mirror, { cluster: 'c' }).traceSampled?.value ?? true).toBe(true);
  const locality = fromJson('envoy.config.endpoint.v3.LocalityLbEndpoints', { loadBalancingWeight: 0 });
  expect(locality.loadBalancingWeight?.value ?? 5).toBe(0);
});

test('what is read from JSON answers the defaults of a decoded message', () => {
  const cluster = fromJson('envoy.config.cluster.v3.Cluster', { name: 'c', loadAssignment: {} });
  expect([cluster.lbPolicy, cluster.loadAssignment?.endpoints, cluster.outlierDetection]).toEqual([
    0,
    [],
    undefined,
  ]);
});

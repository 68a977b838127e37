import { describe, expect, test } from 'vitest';
import { mergeBootstraps, parseBootstrap, readAdminAddress, readAdsSource } from './bootstrap.ts';

const ads = (apiType: string): string => `
node: { id: n, cluster: c }
admin: { address: { socket_address: { address: 127.0.0.1, port_value: 15000 } } }
dynamic_resources:
  ads_config:
    api_type: ${apiType}
    grpc_services: [{ envoy_grpc: { cluster_name: xds-grpc } }]
  cds_config: { ads: {} }
  lds_config: { ads: {} }
static_resources:
  clusters:
  - name: xds-grpc
    load_assignment: { cluster_name: xds-grpc }
`;

test('YAML and JSON are read, in proto or JSON names', () => {
  const bootstrap = parseBootstrap(ads('DELTA_GRPC'));
  expect(readAdsSource(bootstrap)).toEqual({ cluster: 'xds-grpc', mode: 'delta' });
  expect(readAdsSource(parseBootstrap(ads('GRPC')))?.mode).toBe('sotw');
  expect(readAdminAddress(bootstrap)).toEqual({ kind: 'socket', host: '127.0.0.1', port: 15_000 });
  expect(
    parseBootstrap('{"staticResources": {"clusters": [{"name": "c"}]}}').staticResources?.clusters?.[0]?.name,
  ).toBe('c');
});

test('one is merged over another: fields are replaced, lists add up', () => {
  const over = parseBootstrap('{node: {id: other}, static_resources: {clusters: [{name: more}]}}');
  const merged = mergeBootstraps(parseBootstrap(ads('GRPC')), over);
  expect(merged.node).toMatchObject({ id: 'other', cluster: 'c' });
  expect(merged.staticResources?.clusters?.map(({ name }) => name)).toEqual(['xds-grpc', 'more']);
});

describe('what cannot be used is refused by its path', () => {
  const cases: [string, RegExp][] = [
    ['', /the document is empty/],
    ['{nonsense: 1}', /nonsense/],
    ['a: [', /invalid bootstrap/],
    ['{stats_sinks: [{name: x}]}', /stats_sinks: is not supported/],
    ['{overload_manager: {}}', /overload_manager: is not supported/],
    ['{dynamic_resources: {lds_config: {path: /x}}}', /dynamic_resources\.lds_config: only ads is supported/],
    ['{dynamic_resources: {cds_config: {ads: {}}}}', /dynamic_resources\.ads_config: is required/],
    [ads('REST'), /dynamic_resources\.ads_config\.api_type: REST is not supported/],
    [
      '{layered_runtime: {layers: [{name: s, static_layer: {health_check: {min_interval: 5}}}]}}',
      /layered_runtime\.layers\[0\]\.static_layer: the runtime key health_check\.min_interval/,
    ],
    ['{bootstrap_extensions: [{name: x}]}', /bootstrap_extensions\[0\]: x is not supported/],
  ];
  test.each(cases)('%s', (text, message) => expect(() => parseBootstrap(text)).toThrow(message));

  test('what only tunes Envoy itself is taken', () => {
    const layers =
      '{layers: [{name: s, static_layer: {envoy.reloadable_features.x: true, overload: {y: 1}}}, {name: a, admin_layer: {}}]}';
    expect(() => parseBootstrap(`{layered_runtime: ${layers}}`)).not.toThrow();
  });
});

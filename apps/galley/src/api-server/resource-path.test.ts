import { expect, test } from 'vitest';
import { parseResourcePath } from './resource-path.ts';

test.each([
  ['/apis/networking.istio.io/v1/virtualservices', 'networking.istio.io v1 - virtualservices -'],
  [
    '/apis/networking.istio.io/v1/namespaces/ns/virtualservices',
    'networking.istio.io v1 ns virtualservices -',
  ],
  [
    '/apis/networking.istio.io/v1/namespaces/ns/virtualservices/a%20b',
    'networking.istio.io v1 ns virtualservices a b',
  ],
  ['/api/v1/services', ' v1 - services -'],
  ['/api/v1/namespaces', ' v1 - namespaces -'],
  ['/api/v1/namespaces/prod', ' v1 - namespaces prod'],
  ['/api/v1/namespaces/prod/services', ' v1 prod services -'],
  ['/api/v1/namespaces/prod/services/web', ' v1 prod services web'],
  ['/api/v1/namespaces/prod/services/web/status', ' v1 prod services web status'],
  ['/apis/g/v1/things/a/status', 'g v1 - things a status'],
  ['/apis/g/v1/things/a/scale', undefined],
  ['/api/v1', undefined],
  ['/apis/g/v1/', undefined],
  ['/apis/g/v1/things/%zz', undefined],
  ['/other/v1/things', undefined],
])('%s', (path, expected) => {
  const found = parseResourcePath(path);
  const words = found && [
    found.group,
    found.version,
    found.namespace ?? '-',
    found.plural,
    found.name ?? '-',
    ...(found.subresource ? [found.subresource] : []),
  ];
  expect(words?.join(' ')).toBe(expected);
});

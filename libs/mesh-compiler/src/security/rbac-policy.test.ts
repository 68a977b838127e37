import { describe, expect, test } from 'vitest';
import { rbacPolicy } from './rbac-policy.ts';

const scope = { namespace: 'shop', trustDomains: ['cluster.local'], tcp: false, wholly: false };
const any = { any: true };
const named = (matcher: object): object => ({ authenticated: { principalName: matcher } });

describe('sources', () => {
  test.each([
    [
      { principals: ['cluster.local/ns/a/sa/b'] },
      { orIds: { ids: [named({ exact: 'spiffe://cluster.local/ns/a/sa/b' })] } },
    ],
    [
      { principals: ['cluster.local/ns/a/*'] },
      { orIds: { ids: [named({ prefix: 'spiffe://cluster.local/ns/a/' })] } },
    ],
    [{ principals: ['*/sa/b'] }, { orIds: { ids: [named({ safeRegex: { regex: 'spiffe://.*/sa/b' } })] } }],
    [{ principals: ['*'] }, { orIds: { ids: [named({ safeRegex: { regex: '.+' } })] } }],
    [
      { namespaces: ['a', 'b*'] },
      {
        orIds: {
          ids: [
            named({ safeRegex: { regex: '.*/ns/a/.*' } }),
            named({ safeRegex: { regex: '.*/ns/b.*/.*' } }),
          ],
        },
      },
    ],
    [
      { serviceAccounts: ['web'] },
      { orIds: { ids: [named({ safeRegex: { regex: 'spiffe://.+/ns/shop/(.+/|)sa/web(/.+)?' } })] } },
    ],
    [
      { ipBlocks: ['10.0.0.0/8', '192.0.2.1'] },
      {
        orIds: {
          ids: [
            { directRemoteIp: { addressPrefix: '10.0.0.0', prefixLen: { value: 8 } } },
            { directRemoteIp: { addressPrefix: '192.0.2.1', prefixLen: { value: 32 } } },
          ],
        },
      },
    ],
    [
      { notNamespaces: ['a'] },
      { notId: { orIds: { ids: [named({ safeRegex: { regex: '.*/ns/a/.*' } })] } } },
    ],
  ])('%j', (source, principal) => {
    expect(rbacPolicy({ from: [{ source }] }, scope)).toEqual({
      permissions: [{ andRules: { rules: [any] } }],
      principals: [{ andIds: { ids: [principal] } }],
    });
  });

  test('a name is also good under every alias of the trust domain', () => {
    const policy = rbacPolicy(
      { from: [{ source: { principals: ['old/ns/a/sa/b', 'foreign/ns/a/sa/b'] } }] },
      { ...scope, trustDomains: ['new', 'old'] },
    );
    expect(policy?.principals?.[0]?.andIds?.ids?.[0]?.orIds?.ids).toEqual([
      named({ exact: 'spiffe://new/ns/a/sa/b' }),
      named({ exact: 'spiffe://old/ns/a/sa/b' }),
      named({ exact: 'spiffe://foreign/ns/a/sa/b' }),
    ]);
  });
});

test.each([
  [
    { hosts: ['*.a.b'] },
    {
      orRules: {
        rules: [{ header: { name: ':authority', stringMatch: { suffix: '.a.b', ignoreCase: true } } }],
      },
    },
  ],
  [
    { methods: ['GET'] },
    { orRules: { rules: [{ header: { name: ':method', stringMatch: { exact: 'GET' } } }] } },
  ],
  [
    { paths: ['/a*', '/b'] },
    { orRules: { rules: [{ urlPath: { path: { prefix: '/a' } } }, { urlPath: { path: { exact: '/b' } } }] } },
  ],
  [{ ports: ['80'] }, { orRules: { rules: [{ destinationPort: 80 }] } }],
  [{ notPaths: ['/a'] }, { notRule: { orRules: { rules: [{ urlPath: { path: { exact: '/a' } } }] } } }],
])('operation %j', (operation, permission) => {
  expect(rbacPolicy({ to: [{ operation }] }, scope)?.permissions).toEqual([
    { andRules: { rules: [permission] } },
  ]);
});

test('conditions join every source and every operation', () => {
  const when = [
    { key: 'request.headers[x-a]', values: ['1'] },
    { key: 'destination.port', values: ['80'] },
  ];
  const policy = rbacPolicy(
    { from: [{ source: { namespaces: ['a'] } }, { source: { namespaces: ['b'] } }], when },
    scope,
  );
  expect(policy?.permissions).toEqual([
    { andRules: { rules: [{ orRules: { rules: [{ destinationPort: 80 }] } }] } },
  ]);
  expect(policy?.principals?.map((principal) => principal.andIds?.ids?.at(-1))).toEqual([
    { orIds: { ids: [{ header: { name: 'x-a', stringMatch: { exact: '1' } } }] } },
    { orIds: { ids: [{ header: { name: 'x-a', stringMatch: { exact: '1' } } }] } },
  ]);
});

describe('on TCP', () => {
  const rule = { to: [{ operation: { methods: ['GET'], ports: ['80'] } }] };

  test('a rule that must hold wholly is left out when it asks for a request', () => {
    expect(rbacPolicy(rule, { ...scope, tcp: true, wholly: true })).toBeUndefined();
  });

  test('another holds as far as it can, so that a denial gets broader', () => {
    expect(rbacPolicy(rule, { ...scope, tcp: true })?.permissions).toEqual([
      { andRules: { rules: [{ orRules: { rules: [{ destinationPort: 80 }] } }] } },
    ]);
  });
});

test('an empty rule takes everything', () => {
  expect(rbacPolicy({}, scope)).toEqual({
    permissions: [{ andRules: { rules: [any] } }],
    principals: [{ andIds: { ids: [any] } }],
  });
});

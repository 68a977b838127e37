import { decode, encode, fromJson } from '@lateen/protos';
import { describe, expect, test } from 'vitest';
import { compileRbac, type Subject } from './index.ts';

const name = 'envoy.config.rbac.v3.RBAC';
const compile = (json: object) => compileRbac(decode(name, encode(name, fromJson(name, json))), 'rules');

const subject: Subject = {
  headers: { get: (header) => ({ ':method': 'GET', ':authority': 'a.com' })[header] },
  path: '/files/7?x=/other',
  peer: { uris: ['spiffe://td/ns/a/sa/b'], dnsNames: ['b.a'], subject: 'CN=b' },
  directRemoteAddress: '10.0.0.9',
  remoteAddress: '8.8.8.8',
  destination: { address: '10.0.0.1', port: 9080 },
  serverName: 'outbound_.9080_._.b',
  metadata: (filter) => (filter === 'jwt' ? { iss: 'me', aud: ['x', 'y'] } : undefined),
};
const any = { any: true };
const template = (path_template: string) => ({
  uri_template: {
    name: 't',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig',
      path_template,
    },
  },
});
const cidr = (address_prefix: string, prefix_len: number) => ({ address_prefix, prefix_len });

describe('permissions', () => {
  const cases: [object, boolean][] = [
    [any, true],
    [{ header: { name: ':method', string_match: { exact: 'GET' } } }, true],
    [{ header: { name: ':method', string_match: { exact: 'PUT' } } }, false],
    [{ url_path: { path: { exact: '/files/7' } } }, true],
    [{ url_path: { path: { prefix: '/other' } } }, false],
    [template('/files/{*}'), true],
    [template('/files/{id=*}'), true],
    [template('/{*}'), false],
    [template('/{**}'), true],
    [template('/{**}/7'), true],
    [template('/files/{*}/more'), false],
    [{ destination_ip: cidr('10.0.0.0', 24) }, true],
    [{ destination_ip: cidr('10.0.1.0', 24) }, false],
    [{ destination_port: 9080 }, true],
    [{ destination_port: 80 }, false],
    [{ destination_port_range: { start: 9000, end: 9080 } }, false],
    [{ requested_server_name: { suffix: '.b' } }, true],
    [{ metadata: { filter: 'jwt', path: [{ key: 'iss' }], value: { string_match: { exact: 'me' } } } }, true],
    [{ not_rule: any }, false],
    [{ and_rules: { rules: [any, { destination_port: 80 }] } }, false],
    [{ or_rules: { rules: [{ destination_port: 80 }, any] } }, true],
  ];
  test.each(cases)('%j: %j', (permission, expected) => {
    const rbac = compile({ policies: { p: { permissions: [permission], principals: [any] } } });
    expect(rbac.decide(subject)).toEqual({ allowed: expected, policy: expected ? 'p' : undefined });
  });
});

describe('principals', () => {
  const cases: [object, boolean, Partial<Subject>?][] = [
    [any, true],
    [{ authenticated: {} }, true],
    [{ authenticated: {} }, false, { peer: undefined }],
    [{ authenticated: { principal_name: { exact: 'spiffe://td/ns/a/sa/b' } } }, true],
    [{ authenticated: { principal_name: { suffix: '/sa/c' } } }, false],
    [{ authenticated: { principal_name: { exact: 'b.a' } } }, true],
    [{ authenticated: { principal_name: { exact: 'CN=b' } } }, true],
    [{ authenticated: { principal_name: { safe_regex: { regex: '.*/ns/a/.*' } } } }, true],
    [{ authenticated: { principal_name: { prefix: 'spiffe://' } } }, false, { peer: undefined }],
    [{ source_ip: cidr('10.0.0.0', 8) }, true],
    [{ direct_remote_ip: cidr('8.8.8.8', 32) }, false],
    [{ remote_ip: cidr('8.8.8.8', 32) }, true],
    [{ header: { name: ':authority', string_match: { prefix: 'a' } } }, true],
    [{ url_path: { path: { prefix: '/files' } } }, true],
    [
      {
        metadata: {
          filter: 'jwt',
          path: [{ key: 'aud' }],
          value: { list_match: { one_of: { string_match: { exact: 'y' } } } },
        },
      },
      true,
    ],
    [{ not_id: { authenticated: {} } }, false],
    [{ and_ids: { ids: [any, { source_ip: cidr('1.1.1.1', 32) }] } }, false],
    [{ or_ids: { ids: [{ source_ip: cidr('1.1.1.1', 32) }, any] } }, true],
  ];
  test.each(cases)('%j: %j', (principal, expected, changes) => {
    const rbac = compile({ policies: { p: { permissions: [any], principals: [principal] } } });
    expect(rbac.decide({ ...subject, ...changes }).allowed).toBe(expected);
  });
});

describe('actions', () => {
  const policies = {
    b: { permissions: [any], principals: [any] },
    a: { permissions: [any], principals: [any] },
  };
  const cases: [object, object][] = [
    [{}, { allowed: false }],
    [{ action: 'DENY' }, { allowed: true }],
    [{ policies }, { allowed: true, policy: 'a' }],
    [
      { action: 'DENY', policies },
      { allowed: false, policy: 'a' },
    ],
    [
      { action: 'LOG', policies },
      { allowed: true, policy: 'a' },
    ],
  ];
  test.each(cases)('%j decides %j', (json, expected) =>
    expect(compile(json).decide(subject)).toEqual(expected),
  );
});

describe('refusals name the field', () => {
  const policy = (permission: object, principal: object = any) => ({
    policies: { p: { permissions: [permission], principals: [principal] } },
  });
  let deep: object = any;
  for (let level = 0; level < 45; level += 1) deep = { not_rule: deep };
  const cases: [object, string][] = [
    [{ policies: { p: { principals: [any] } } }, 'rules.policies["p"].permissions: must not be empty'],
    [policy({}), 'rules.policies["p"].permissions[0]: names no rule'],
    [policy(any, {}), 'rules.policies["p"].principals[0]: names no principal'],
    [policy({ and_rules: { rules: [any, {}] } }), 'rules.policies["p"].permissions[0].and_rules.rules[1]'],
    [policy(template('/a{b')), 'path_template'],
    [policy(deep), 'nest deeper than 32'],
  ];
  test.each(cases)('%#: %s', (json, message) => expect(() => compile(json)).toThrow(message));
});

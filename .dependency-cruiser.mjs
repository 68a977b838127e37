// The floors of the house, lowest first (docs/architecture.md). A room imports from lower floors, and from its own
// floor only what is named here.
const floors = [
  ['runtime', 'protos', 'rpc', 'testing'],
  [
    'matching',
    'identity',
    'attributes',
    'config-schema',
    'mixer-rules',
    'routing-engine',
    'authorization',
    'mesh-compiler',
  ],
  ['http-wire'],
  ['bus', 'kube', 'xds', 'mcp', 'mixer-client', 'agent'],
  ['data-plane'],
];

const sameFloor = {
  rpc: ['runtime', 'protos'],
  testing: ['runtime', 'identity'], // only tests import it, and their certificates are made where all are
  'config-schema': ['identity', 'attributes'],
  'mixer-rules': ['attributes', 'config-schema'],
  'routing-engine': ['matching'],
  authorization: ['matching'],
  'mesh-compiler': ['config-schema', 'identity', 'routing-engine', 'matching'],
  agent: ['xds'],
};

const paths = (rooms) => `^libs/(${rooms.join('|')})/`;

const floorRules = floors.flatMap((rooms, level) =>
  rooms.map((room) => {
    const allowed = [room, ...floors.slice(0, level).flat(), ...(sameFloor[room] ?? [])];
    return {
      name: `floor-of-${room}`,
      comment: `libs/${room} may import ${allowed.slice(1).join(', ') || 'no other room'}`,
      severity: 'error',
      from: { path: paths([room]), pathNot: '\\.test\\.ts$' },
      to: { path: '^(libs|apps|e2e)/', pathNot: paths(allowed) },
    };
  }),
);

export default {
  forbidden: [
    ...floorRules,
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'apps-are-strangers',
      comment: 'only the CLI and e2e may import apps',
      severity: 'error',
      from: { path: '^apps/([^/]+)/', pathNot: '^apps/cli/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'data-plane-knows-no-agent',
      severity: 'error',
      from: { path: '^libs/data-plane/' },
      to: {
        path: '^libs/(agent|identity|config-schema|mesh-compiler|mcp|bus|kube)/',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'no-deep-imports',
      comment: 'rooms meet at their index.ts',
      severity: 'error',
      from: { path: '^(libs|apps|e2e)/([^/]+)/' },
      to: { path: '^(libs|apps)/[^/]+/src/(?!index\\.ts|admin\\.ts)', pathNot: '^$1/$2/' },
    },
    {
      name: 'nothing-imports-tests',
      severity: 'error',
      from: { pathNot: '\\.test\\.ts$' },
      to: { path: '\\.test\\.ts$' },
    },
    {
      name: 'only-tests-import-testing',
      severity: 'error',
      from: { path: '^(libs|apps)/', pathNot: '(\\.test\\.ts$|^libs/testing/|/contract/)' },
      to: { path: '^libs/testing/' },
    },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|generated|node_modules)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types'],
      extensions: ['.ts', '.mjs', '.js', '.json'],
    },
  },
};

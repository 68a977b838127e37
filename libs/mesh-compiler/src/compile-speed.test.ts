import type { ConfigObject } from '@lateen/config-schema';
import { expect, test } from 'vitest';
import { compileProxy, type ConfigSnapshot, createMeshModel, parseProxy } from './index.ts';

const services = 1000;

function snapshot(): ConfigSnapshot {
  const entries = new Map<string, ConfigObject>();
  for (let index = 0; index < services; index += 1) {
    const name = `s${index}`;
    entries.set(`shop/${name}`, {
      apiVersion: 'networking.istio.io/v1',
      kind: 'ServiceEntry',
      metadata: { name, namespace: 'shop', labels: {}, annotations: {} },
      spec: {
        hosts: [`${name}.shop.svc.cluster.local`],
        ports: [{ number: 80, name: 'http', protocol: 'HTTP' }],
        location: 1,
        resolution: 1,
        endpoints: [0, 1].map((one) => ({
          address: `10.${one}.${index >> 8}.${index & 255}`,
          labels: { app: name },
        })),
      },
    });
  }
  return { revision: 1, objects: new Map([['istio/networking/v1alpha3/serviceentries', entries]]) };
}

/** Milliseconds of CPU: other work on the machine doesn't count. */
function cpuMs(run: () => void): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

// First measured at 43 ms and 212 ms, the cores shared; the bounds leave slack, and a scan of all by all costs seconds.
test('a model of 1000 services is built, and one proxy compiled, within their bounds', () => {
  const objects = snapshot();
  const node = parseProxy({ id: 'sidecar~10.9.9.9~client.shop~shop.svc.cluster.local' });
  const built = cpuMs(() => createMeshModel(objects, { domainSuffix: 'cluster.local' }));
  const model = createMeshModel(objects, { domainSuffix: 'cluster.local' });
  let clusters = 0;
  const compiled = cpuMs(() => {
    clusters = compileProxy(model, node).clusters.size;
  });
  process.stderr.write(
    `1000 services: model ${built.toFixed(0)} ms, proxy ${compiled.toFixed(0)} ms of CPU\n`,
  );
  expect(clusters).toBeGreaterThan(services);
  expect(built).toBeLessThan(1000);
  expect(compiled).toBeLessThan(1500);
});

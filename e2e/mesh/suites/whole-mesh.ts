import type { MeshForm } from '@lateen/cli';
import { afterAll, beforeAll, describe } from 'vitest';
import { Figures } from '../harness/figures.ts';
import { bringUp, type WholeMesh } from '../harness/whole-mesh.ts';
import { describeFailPolicy } from './fail-policy.ts';
import { describePolicy } from './policy.ts';
import { describeRecovery } from './recovery.ts';
import { describeScaling } from './scaling.ts';
import { describeSecurity } from './security.ts';
import { describeTraffic } from './traffic.ts';

/** The whole-mesh suite in one form: the same cases against one control-plane process or a process per component. */
export function describeWholeMesh(form: MeshForm): void {
  describe(`whole mesh, ${form}`, () => {
    let mesh: WholeMesh | undefined;
    const figures = new Figures(form);
    const get = (): WholeMesh => {
      if (!mesh) throw new Error('the mesh is not up');
      return mesh;
    };
    beforeAll(async () => {
      mesh = await bringUp(form);
      await mesh.runBookinfo();
    }, 60_000);
    afterAll(async () => {
      figures.print();
      await mesh?.stop();
    }, 60_000);
    describeTraffic(get, figures);
    describePolicy(get, figures);
    describeFailPolicy(get, figures);
    describeSecurity(get, figures);
    describeScaling(get, figures);
    describeRecovery(get, figures);
  });
}

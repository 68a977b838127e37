import { afterAll, beforeAll, describe } from 'vitest';
import { Figures } from './harness/figures.ts';
import { bringUp, type WholeMesh } from './harness/whole-mesh.ts';
import { describeCapture } from './suites/capture.ts';

describe('capture without redirection', () => {
  const figures = new Figures('capture');
  let mesh: WholeMesh | undefined;
  beforeAll(async () => {
    mesh = await bringUp('embedded');
  }, 60_000);
  afterAll(async () => {
    figures.print();
    await mesh?.stop();
  }, 60_000);
  describeCapture(() => {
    if (!mesh) throw new Error('the mesh is not up');
    return mesh;
  }, figures);
});

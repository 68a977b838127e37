import { describeWholeMesh } from './suites/whole-mesh.ts';

describeWholeMesh('distributed');

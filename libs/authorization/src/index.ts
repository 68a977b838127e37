export {
  type Authorization,
  compileRbac,
  compileRbacFilter,
  type RbacFilterFields,
  type RbacFilterRules,
  type Verdict,
} from './rbac.ts';
export type { PeerNames, Subject } from './subject.ts';

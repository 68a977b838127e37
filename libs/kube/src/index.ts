export type {
  AnswerViolation,
  Applied,
  ApplyFile,
  ApplyResult,
  KubeObject,
  Rollout,
  WatchEvent,
} from './answer.ts';
export { KubeClient, type KubeClientOptions, type KubeList } from './client.ts';
export { KubeError } from './error.ts';
export { type ResourceType, resourcePath } from './resource-path.ts';

export {
  createHttpOrigin,
  createTcpOrigin,
  type RecordedRequest,
  type RecordingOrigin,
} from './recording-origin.ts';
export { createTemporaryFolder, type TemporaryFolder } from './temporary-folder.ts';
export {
  createTestAuthority,
  type TestAuthority,
  type TestIdentity,
  type TestLeafOptions,
} from './test-authority.ts';
export { startNatsServer, type TestNatsServer } from './nats-server.ts';

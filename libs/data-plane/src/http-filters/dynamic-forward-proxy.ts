import { refuseFields } from '@lateen/matching';
import { unpackAny } from '@lateen/protos';
import type { HttpFilterKind } from './kind.ts';

const config = 'envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig';

/**
 * Names are resolved where the host is chosen (`UpstreamCluster.chooseHost` of a dynamic forward proxy cluster), so the
 * filter itself has nothing to do.
 */
export const dynamicForwardProxy: HttpFilterKind = {
  config,
  compile(any, { name, path }) {
    refuseFields(unpackAny(config, any), path, ['subClusterConfig', 'saveUpstreamAddress']);
    return { name };
  },
};

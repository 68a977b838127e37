// Loaded into Node apps by `lateen run`: clients with an http.Agent of their own bypass HTTP_PROXY without a word,
// so every new agent learns of the proxy from the environment as Node's global ones do.
import http from 'node:http';
import https from 'node:https';
import { syncBuiltinESMExports } from 'node:module';

for (const module of [http, https]) {
  const { Agent } = module;
  module.Agent = class extends Agent {
    constructor(options = {}) {
      super({ proxyEnv: process.env, ...options });
    }
  };
}
syncBuiltinESMExports();

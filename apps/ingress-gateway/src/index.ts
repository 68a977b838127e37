export { createIngressGateway, type GatewayPorts, type IngressGateway } from './ingress-gateway.ts';
export { type GatewaySettings, readSettings } from './settings.ts';

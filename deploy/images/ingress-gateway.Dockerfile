# lateen/ingress-gateway: build with `npx nx build ingress-gateway && docker build -f deploy/images/ingress-gateway.Dockerfile .`
FROM node:26-bookworm-slim
COPY apps/ingress-gateway/dist /lateen/ingress-gateway
WORKDIR /lateen/ingress-gateway
ENV NODE_ENV=production LATEEN_STATE_DIR=/var/lib/lateen
RUN mkdir -p /var/lib/lateen/tokens && chown -R 1337:1337 /var/lib/lateen
VOLUME /var/lib/lateen
USER 1337:1337
EXPOSE 8080 8443
ENTRYPOINT ["node", "--enable-source-maps", "/lateen/ingress-gateway/main.mjs"]

# lateen/proxy: build with `npx nx build proxy && docker build -f deploy/images/proxy.Dockerfile .`
FROM node:26-bookworm-slim
COPY apps/proxy/dist /lateen/proxy
WORKDIR /lateen/proxy
ENV NODE_ENV=production LATEEN_STATE_DIR=/var/lib/lateen
RUN mkdir -p /var/lib/lateen/tokens && chown -R 1337:1337 /var/lib/lateen
VOLUME /var/lib/lateen
USER 1337:1337
ENTRYPOINT ["node", "--enable-source-maps", "/lateen/proxy/main.mjs"]

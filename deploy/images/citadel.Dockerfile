# lateen/citadel: build with `npx nx build citadel && docker build -f deploy/images/citadel.Dockerfile .`
FROM node:26-bookworm-slim
COPY apps/citadel/dist /lateen/citadel
WORKDIR /lateen/citadel
ENV NODE_ENV=production LATEEN_STATE_DIR=/var/lib/lateen
RUN mkdir -p /var/lib/lateen/tokens && chown -R 1337:1337 /var/lib/lateen
VOLUME /var/lib/lateen
USER 1337:1337
EXPOSE 8060 8061
ENTRYPOINT ["node", "--enable-source-maps", "/lateen/citadel/main.mjs"]

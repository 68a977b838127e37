# lateen/pilot: build with `npx nx build pilot && docker build -f deploy/images/pilot.Dockerfile .`
FROM node:26-bookworm-slim
COPY apps/pilot/dist /lateen/pilot
WORKDIR /lateen/pilot
ENV NODE_ENV=production LATEEN_STATE_DIR=/var/lib/lateen
RUN mkdir -p /var/lib/lateen/tokens && chown -R 1337:1337 /var/lib/lateen
VOLUME /var/lib/lateen
USER 1337:1337
EXPOSE 15012 15014
ENTRYPOINT ["node", "--enable-source-maps", "/lateen/pilot/main.mjs"]

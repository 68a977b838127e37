# lateen/mixer: build with `npx nx build mixer && docker build -f deploy/images/mixer.Dockerfile .`
FROM node:26-bookworm-slim
COPY apps/mixer/dist /lateen/mixer
WORKDIR /lateen/mixer
ENV NODE_ENV=production LATEEN_STATE_DIR=/var/lib/lateen
RUN mkdir -p /var/lib/lateen/tokens && chown -R 1337:1337 /var/lib/lateen
VOLUME /var/lib/lateen
USER 1337:1337
EXPOSE 9091 15015 42422
ENTRYPOINT ["node", "--enable-source-maps", "/lateen/mixer/main.mjs"]

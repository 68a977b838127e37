# lateen/galley: build with `npx nx build galley && docker build -f deploy/images/galley.Dockerfile .`
FROM node:26-bookworm-slim
COPY apps/galley/dist /lateen/galley
WORKDIR /lateen/galley
ENV NODE_ENV=production LATEEN_STATE_DIR=/var/lib/lateen
RUN mkdir -p /var/lib/lateen/tokens && chown -R 1337:1337 /var/lib/lateen
VOLUME /var/lib/lateen
USER 1337:1337
EXPOSE 9876 9901
ENTRYPOINT ["node", "--enable-source-maps", "/lateen/galley/main.mjs"]

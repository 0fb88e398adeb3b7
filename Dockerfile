# Serves a study that was made elsewhere: docs/how-to/containers.md. Torch is left out, the server does not need it.
# tests/test_image.py performs these steps without a container engine.
FROM node:24-slim AS pages
WORKDIR /build/web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN npm ci --omit=dev
COPY web ./
RUN npm run build

# Python 3.11: the versions in constraints.txt were tested with it.
FROM python:3.11-slim AS wheel
WORKDIR /build
COPY constraints.txt ./
RUN pip install --no-cache-dir --constraint constraints.txt hatchling
COPY pyproject.toml README.md LICENSE hatch_build.py ./
COPY src ./src
COPY --from=pages /build/src/exemplum/server/static ./src/exemplum/server/static
# The pages are there already, and with them hatch_build.py needs no Node.
RUN EXEMPLUM_PAGES=skip pip wheel --no-deps --no-build-isolation --wheel-dir dist .

FROM python:3.11-slim
RUN useradd --create-home exemplum
WORKDIR /app
COPY pyproject.toml constraints.txt ./
COPY tools/server_requirements.py ./tools/
RUN python -m tools.server_requirements > requirements.txt \
    && pip install --no-cache-dir --constraint constraints.txt --requirement requirements.txt
COPY --from=wheel /build/dist ./dist
# Without its dependencies: torch would come with them.
RUN pip install --no-cache-dir --no-deps dist/*.whl
ENV PYTHONUNBUFFERED=1
USER exemplum
EXPOSE 8000
# The first start encodes every image of the study.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10m CMD python -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health')"
ENTRYPOINT ["exemplum", "serve"]
CMD ["/study", "--host", "0.0.0.0", "--behind-proxy"]

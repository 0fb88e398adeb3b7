# Serves a study that was made elsewhere: docs/running-a-study.md. Torch is left out, the server does not need it.
FROM node:24-slim AS pages
WORKDIR /build/web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN npm ci --omit=dev
COPY web ./
RUN npm run build

FROM python:3.12-slim
RUN useradd --create-home exemplum
WORKDIR /app
COPY pyproject.toml README.md LICENSE hatch_build.py ./
COPY src ./src
COPY --from=pages /build/src/exemplum/server/static ./src/exemplum/server/static
# Every dependency of pyproject.toml but torch and torchvision, then the package by its path.
RUN python -c "import re, tomllib; names = tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies']; \
print('\n'.join(n for n in names if not re.match(r'torch', n)))" > requirements.txt \
    && pip install --no-cache-dir -r requirements.txt 'psycopg[binary]>=3.2'
ENV PYTHONPATH=/app/src PYTHONUNBUFFERED=1
USER exemplum
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s CMD python -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health')"
ENTRYPOINT ["python", "-c", "from exemplum.cli.main import run; run()", "serve"]
CMD ["/study", "--host", "0.0.0.0", "--behind-proxy"]

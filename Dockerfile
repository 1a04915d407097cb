# Builds the desk, and with `--target proxy` the nginx that stands in front of it.
# docker-compose.yml puts them together with PostgreSQL.

FROM python:3.13-slim AS build
# A folder without pip: the packages are put into it from outside, and it moves to the next stage as a whole.
RUN python -m venv --without-pip /opt/venv
COPY requirements.txt /tmp/
# Wheels alone, so that no compiler is needed. The documents describe services of Google that the desk does not use,
# and are two fifths of everything installed.
RUN --mount=type=cache,target=/root/.cache/pip \
    pip --python /opt/venv/bin/python install --require-hashes --only-binary :all: -r /tmp/requirements.txt \
    && rm -r /opt/venv/lib/python3.*/site-packages/googleapiclient/discovery_cache/documents
WORKDIR /app
COPY config.py wsgi.py ./
COPY deploy/gunicorn.conf.py deploy/make_secrets.py deploy/
COPY migrations migrations
COPY ticketdesk ticketdesk
# Whatever the umask of the checkout was, the desk's user can read its code.
RUN chmod -R a+rX . && python -m compileall -q .


FROM nginx:1.30-alpine AS proxy
COPY --chmod=644 deploy/nginx.conf /etc/nginx/nginx.conf
RUN install -d -o 101 -g 101 -m 700 /var/cache/desk
USER 101:101
# The access log is one JSON object a line, without the image's own greetings between them.
ENV NGINX_ENTRYPOINT_QUIET_LOGS=1
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=5s --start-period=10s \
    CMD ["wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8080/healthz"]


FROM python:3.13-slim
LABEL org.opencontainers.image.title="ticketdesk" \
      org.opencontainers.image.description="A support desk on Flask and PostgreSQL" \
      org.opencontainers.image.licenses="MIT"
RUN useradd --uid 10001 --user-group --home-dir /var/lib/ticketdesk --create-home --shell /usr/sbin/nologin ticketdesk
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    FLASK_APP=wsgi \
    HOST=0.0.0.0 \
    PORT=8000 \
    TICKETDESK_DATA=/var/lib/ticketdesk
WORKDIR /app
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
# Not by urllib, which would ask a proxy that the environment names.
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import http.client, os, sys; desk = http.client.HTTPConnection('127.0.0.1', os.environ['PORT'], timeout=4); desk.request('GET', '/healthz'); sys.exit(desk.getresponse().status != 200)"]
CMD ["gunicorn", "--config", "deploy/gunicorn.conf.py"]

# docker build -t ntkviz . && docker run --rm -p 127.0.0.1:8501:8501 ntkviz
FROM python:3.11-slim-bookworm

# HOME is a folder that any user may write to, because the image runs as a numeric user without a home folder.
ENV PYTHONUNBUFFERED=1 \
    PYTHONPATH=/app \
    HOME=/tmp

WORKDIR /app

COPY requirements.txt ./
RUN pip install --no-cache-dir --only-binary=:all: --root-user-action=ignore -r requirements.txt

COPY .streamlit .streamlit
COPY ntkviz ntkviz
COPY pages pages
COPY app.py LICENSE ./
RUN python -m compileall -q app.py ntkviz && mkdir -m 0777 /var/ntkviz

USER 10001:10001
EXPOSE 8501

HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]

# Inside the container the server listens on every address; the published port decides who can reach it.
CMD ["python", "-m", "streamlit", "run", "app.py", "--server.address=0.0.0.0", "--server.port=8501"]

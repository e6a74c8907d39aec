#!/usr/bin/env bash
# The main job, start to end: train, save, list, run, serve, predict over HTTP, look at metrics, stop.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
export PATH="$top/.venv/bin:$PATH"
home=$(mktemp -d)
export BENTOML_HOME="$home"
server=
cleanup() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$home"
}
trap cleanup EXIT

say() { printf '\n$ %s\n' "$*"; "$@"; }

cd "$here"
say python train.py
say bentoml list
say bentoml get IrisClassifier:latest
say bentoml run IrisClassifier:latest predict --input '[[5.1, 3.5, 1.4, 0.2]]'

port=5000
if (exec 3<>/dev/tcp/127.0.0.1/$port) 2>/dev/null; then
  port=$(python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
fi
printf '\n$ bentoml serve IrisClassifier:latest --port %s\n' "$port"
bentoml serve IrisClassifier:latest --port "$port" &
server=$!
for _ in $(seq 300); do
  curl -sf "127.0.0.1:$port/healthz" > /dev/null && break
  kill -0 "$server" 2>/dev/null || { echo "the server has ended" >&2; exit 1; }
  sleep 0.1
done
post() { printf '\n$ curl -d %q 127.0.0.1:%s/predict\n' "$2" "$port"; curl -sS -f -H "Content-Type: $1" --data-binary "$2" "127.0.0.1:$port/predict"; echo; }
post application/json '[[5.1, 3.5, 1.4, 0.2]]'
post application/json '[{"sepal_length": 6.7, "sepal_width": 3.1, "petal_length": 4.7, "petal_width": 1.5}]'
post text/csv $'sepal_length,sepal_width,petal_length,petal_width\n5.1,3.5,1.4,0.2\n6.7,3.1,4.7,1.5\n'
printf '\n$ curl 127.0.0.1:%s/metrics\n' "$port"
curl -sS -f "127.0.0.1:$port/metrics" | grep -E '_(mb_request_total|mb_batch_size_count|worker_count)'
printf '\n$ kill -TERM %s\n' "$server"
kill -TERM "$server"
wait "$server"
server=
echo "the server has stopped cleanly"
